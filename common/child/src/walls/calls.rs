//! Seccomp: which calls of the system a child may make.
//!
//! On the processor there is a list of what may be called, made by watching children at every kind of work; all else
//! is refused: no socket of any kind, no program, no process, no file made. A card's driver calls what nobody has a
//! list of, and goes on doing so after it is warm; there what no driver needs is refused by name, from the first
//! instruction on: other programs and processes, the internet, and the kernel's younger doors.

use super::report::Wall;
use super::{Computes, Walls};

/// Puts it up.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn restrict(walls: &Walls) -> Wall {
    let (put_up, words) = match walls.computes {
        Computes::Processor => {
            (filter::allow_listed(walls.breach), "on (what is not listed is refused)")
        }
        Computes::Card => {
            (filter::deny_listed(walls.breach), "on (programs, processes and network are refused)")
        }
    };
    match put_up {
        Ok(()) => Wall::Stands(words.to_owned()),
        Err(error) => Wall::Missing(error.to_string()),
    }
}

/// There is none.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(super) fn restrict(_walls: &Walls) -> Wall {
    Wall::Missing("not on this system or processor".to_owned())
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter {
    use std::collections::BTreeMap;

    use libc::c_long;
    use seccompiler::{
        BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
        SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
    };

    use crate::walls::Breach;

    type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

    /// Allowed with any arguments.
    const ALLOWED: &[c_long] = &[
        // Memory.
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_mincore,
        libc::SYS_membarrier,
        libc::SYS_mlock,
        libc::SYS_munlock,
        libc::SYS_mbind,
        libc::SYS_get_mempolicy,
        libc::SYS_set_mempolicy,
        // Threads. A `clone3` cannot be looked into: what is let through here another filter refuses (below).
        libc::SYS_clone3,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_get_robust_list,
        libc::SYS_set_tid_address,
        libc::SYS_rseq,
        libc::SYS_gettid,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_getparam,
        libc::SYS_sched_getscheduler,
        libc::SYS_sched_get_priority_max,
        libc::SYS_sched_get_priority_min,
        libc::SYS_getpriority,
        libc::SYS_getcpu,
        // Signals of its own.
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        // Time.
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_gettimeofday,
        // What is open: the socket to the parent, standard error, libraries. What may be opened is Landlock's.
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_pread64,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_sendto,
        libc::SYS_sendmsg,
        libc::SYS_shutdown,
        libc::SYS_close,
        libc::SYS_dup,
        libc::SYS_fcntl,
        libc::SYS_lseek,
        libc::SYS_openat,
        libc::SYS_fstat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_statfs,
        libc::SYS_fstatfs,
        libc::SYS_faccessat,
        libc::SYS_faccessat2,
        libc::SYS_readlinkat,
        libc::SYS_getdents64,
        libc::SYS_getcwd,
        libc::SYS_ppoll,
        libc::SYS_pselect6,
        libc::SYS_eventfd2,
        // What it is, and what the machine is.
        libc::SYS_getpid,
        libc::SYS_getppid,
        libc::SYS_getuid,
        libc::SYS_geteuid,
        libc::SYS_getgid,
        libc::SYS_getegid,
        libc::SYS_getrusage,
        libc::SYS_getrandom,
        libc::SYS_sysinfo,
        libc::SYS_times,
        libc::SYS_uname,
    ];

    /// The older calls of this processor, for the same.
    #[cfg(target_arch = "x86_64")]
    const ALLOWED_HERE: &[c_long] = &[
        libc::SYS_open,
        libc::SYS_stat,
        libc::SYS_lstat,
        libc::SYS_access,
        libc::SYS_readlink,
        libc::SYS_poll,
        libc::SYS_select,
        libc::SYS_getrlimit,
        libc::SYS_time,
    ];
    #[cfg(target_arch = "aarch64")]
    const ALLOWED_HERE: &[c_long] = &[];

    /// Refused to a child on a card.
    const DENIED: &[c_long] = &[
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_reboot,
    ];

    #[cfg(target_arch = "x86_64")]
    const DENIED_HERE: &[c_long] = &[libc::SYS_fork, libc::SYS_vfork];
    #[cfg(target_arch = "aarch64")]
    const DENIED_HERE: &[c_long] = &[];

    /// Families of sockets that reach beyond the machine, or into the kernel's network.
    const FAR_FAMILIES: [i32; 5] =
        [libc::AF_INET, libc::AF_INET6, libc::AF_PACKET, libc::AF_VSOCK, libc::AF_ALG];

    /// Requests of `ioctl`: what a stream is, and two flags of it.
    const REQUESTS: [u64; 3] = [libc::TCGETS, libc::FIONBIO, libc::FIOCLEX];

    /// Settings of the process by `prctl`: names of threads and of memory.
    const SETTINGS: [i32; 3] = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];

    /// `CLONE_THREAD`: a thread is made, and not a process.
    const THREAD: u64 = 0x0001_0000;

    pub(super) fn allow_listed(breach: Breach) -> Result<(), Error> {
        apply_no_clone3()?;
        apply(allow_rules()?, refusal(breach), SeccompAction::Allow)
    }

    pub(super) fn deny_listed(breach: Breach) -> Result<(), Error> {
        apply_no_clone3()?;
        apply(deny_rules()?, SeccompAction::Allow, refusal(breach))
    }

    fn allow_rules() -> Result<Rules, BackendError> {
        let plain = ALLOWED.iter().chain(ALLOWED_HERE);
        let mut rules: Rules = plain.map(|call| (*call, Vec::new())).collect();
        rules.insert(libc::SYS_clone, vec![masked(0, THREAD, THREAD)?]);
        rules.insert(libc::SYS_ioctl, one_of(1, REQUESTS)?);
        rules.insert(libc::SYS_prctl, one_of(0, SETTINGS.map(unsigned))?);
        // It may look at its limits, and change none.
        rules.insert(libc::SYS_prlimit64, vec![equal(&[(0, 0), (2, 0)])?]);
        // To itself: how `abort` ends a process.
        let own = u64::from(std::process::id());
        rules.insert(libc::SYS_tgkill, vec![equal(&[(0, own)])?]);
        Ok(rules)
    }

    fn deny_rules() -> Result<Rules, BackendError> {
        let plain = DENIED.iter().chain(DENIED_HERE);
        let mut rules: Rules = plain.map(|call| (*call, Vec::new())).collect();
        rules.insert(libc::SYS_clone, vec![masked(0, THREAD, 0)?]);
        rules.insert(libc::SYS_socket, one_of(0, FAR_FAMILIES.map(unsigned))?);
        Ok(rules)
    }

    /// Answers `clone3` as a kernel would that does not have it: libraries then call `clone`, which shows what it
    /// makes. Put up before the other filter, which refuses to put up any.
    fn apply_no_clone3() -> Result<(), Error> {
        let rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
        let unknown = SeccompAction::Errno(unsigned_code(libc::ENOSYS));
        apply(rules, SeccompAction::Allow, unknown)
    }

    fn refusal(breach: Breach) -> SeccompAction {
        match breach {
            Breach::Refuse => SeccompAction::Errno(unsigned_code(libc::EPERM)),
            Breach::Kill => SeccompAction::KillProcess,
        }
    }

    fn apply(rules: Rules, otherwise: SeccompAction, listed: SeccompAction) -> Result<(), Error> {
        let arch = TargetArch::try_from(std::env::consts::ARCH)?;
        let program: BpfProgram = SeccompFilter::new(rules, otherwise, listed, arch)?.try_into()?;
        apply_filter_all_threads(&program)
    }

    /// A rule for all of these arguments at once.
    fn equal(arguments: &[(u8, u64)]) -> Result<SeccompRule, BackendError> {
        let conditions = arguments.iter().map(|(place, value)| {
            SeccompCondition::new(*place, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, *value)
        });
        SeccompRule::new(conditions.collect::<Result<_, _>>()?)
    }

    /// Rules of which one is enough. These arguments are numbers of 32 bits, above which nothing counts.
    fn one_of(
        place: u8,
        values: impl IntoIterator<Item = u64>,
    ) -> Result<Vec<SeccompRule>, BackendError> {
        let rule = |value| {
            let (length, operator) = (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq);
            SeccompRule::new(vec![SeccompCondition::new(place, length, operator, value)?])
        };
        values.into_iter().map(rule).collect()
    }

    fn masked(place: u8, mask: u64, value: u64) -> Result<SeccompRule, BackendError> {
        let operator = SeccompCmpOp::MaskedEq(mask);
        let condition = SeccompCondition::new(place, SeccompCmpArgLen::Qword, operator, value)?;
        SeccompRule::new(vec![condition])
    }

    fn unsigned(value: i32) -> u64 {
        u64::from(value.unsigned_abs())
    }

    const fn unsigned_code(code: i32) -> u32 {
        code.unsigned_abs()
    }
}
