#!/usr/bin/env bash
# Checks what this machine's NVIDIA card does for cleanplate. Needs the card's driver and nothing
# else: no network, no FFmpeg. Every step has a time limit, all of them together 9 minutes; what the
# machine lacks is a line of the report, never the end of it.
#
# Usage: check.sh [REPORT]; ends with 0 where no step failed, else with 1.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
report=${1:-gpu-check-report.txt}
: >"$report" || { echo "check.sh: cannot write $report" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
summary=$work/summary
: >"$summary"
seconds_max=540
# Containers often have the driver's libraries here and nowhere else.
driver_path=${LD_LIBRARY_PATH:-}
SECONDS=0

say() {
    printf '%s\n' "$*" | tee -a "$report"
}

result() {
    printf '%-6s %s\n' "$1" "$2" >>"$summary"
    say "-> $1: $2"
}

# Ours with its own libraries, under a time limit; what it says goes into the report.
# Sets `status`.
program=cleanplate
ours() {
    local limit=$1 left=$((seconds_max - SECONDS))
    shift
    [ "$limit" -gt "$left" ] && limit=$((left > 1 ? left : 1))
    say "\$ $program $*"
    LD_LIBRARY_PATH=$here/lib${driver_path:+:$driver_path} timeout --kill-after=5 "$limit" "$here/bin/$program" "$@" \
        >"$work/said" 2>&1
    status=$?
    tail -n 200 "$work/said" | cut -c 1-2000 >>"$report"
    [ "$status" -eq 124 ] && say "(stopped after $limit s)"
    say "(exit $status)"
}

# PASS, LACKS (status 4: the machine lacks something, and said what) or FAIL.
judge() {
    case $status in
        0) result PASS "$1" ;;
        4) result LACKS "$1: $(grep -v '^$' "$work/said" | tail -n 1)" ;;
        *) result FAIL "$1 (exit $status)" ;;
    esac
}

step() {
    say ""
    say "== $1"
}

step "machine"
{
    date -u +%Y-%m-%dT%H:%M:%SZ
    uname -srm
    grep -E '^PRETTY_NAME=' /etc/os-release 2>/dev/null
    echo "$(nproc) cores, $(awk '/MemTotal/ { print int($2 / 1048576) }' /proc/meminfo) GiB"
} >>"$report" 2>&1
if command -v nvidia-smi >/dev/null; then
    timeout --kill-after=5 20 nvidia-smi \
        --query-gpu=index,name,memory.total,driver_version,compute_cap --format=csv \
        >>"$report" 2>&1 && result PASS "nvidia-smi answers" || result LACKS "nvidia-smi fails"
else
    result LACKS "no nvidia-smi on this machine"
fi
for library in libcuda.so.1 libnvidia-ml.so.1 libnvcuvid.so.1 libnvidia-encode.so.1; do
    path=$( (ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null) |
        awk -v name="$library" '$1 == name { print $NF; exit }')
    say "$library ${path:-not found by the loader}"
done

step "the binary starts"
ours 20 --version
judge "the binary starts with the libraries beside it"

step "doctor"
ours 60 doctor
judge "doctor"
ours 60 doctor --json
step "tier"
grep -hE 'tier|detected GPU' "$work/said" >>"$report" 2>/dev/null || say "no tier in what doctor said"

step "kernels: the committed PTX against the engine on the CPU, bit for bit"
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits -lms 500 \
        >"$work/busy" 2>/dev/null &
    watcher=$!
fi
program=kernels
ours 240
program=cleanplate
if [ -n "${watcher:-}" ]; then
    kill "$watcher" 2>/dev/null
    wait "$watcher" 2>/dev/null
    awk -F ', *' '$1 ~ /^[0-9]+$/ { n++; sum += $1; if ($1 > most) most = $1; if ($2 > used) used = $2 }
        END { if (n) printf "card busy %.0f %% on the mean, %d %% at most; %d MiB used at most (%d looks)\n", sum / n, most, used, n }' \
        "$work/busy" | tee -a "$report"
fi
grep -E '^(PASS|FAIL|LACKS) ' "$work/said" >>"$summary"
# What was said of each comparison is in the summary; how it ended is told where nothing was.
case $status in
    0 | 1 | 4) [ -s "$work/said" ] || result FAIL "kernels say nothing (exit $status)" ;;
    *) result FAIL "kernels (exit $status)" ;;
esac

step "NVDEC against software, pixel for pixel"
for clip in h264 h264-open-gop hevc hevc-10bit h264-422; do
    ours 40 engine nvdec "$here/clips/$clip.mp4"
    judge "NVDEC = software: $clip"
done

step "NVENC, or the reason why not"
for encoder in h264_nvenc hevc_nvenc; do
    ours 40 doctor --encoder "$encoder"
    if [ "$status" -eq 4 ]; then
        result LACKS "$(grep -E "^encoder $encoder " "$work/said" | tr -s ' ')"
    else
        judge "$encoder"
    fi
done

# A whole job; the second argument names its outcome in the report.
job() {
    local name=$1
    shift
    ours 120 -v run "$here/clips/job.mp4" -o "$work/$name.mp4" --region 1500,40,260,100 "$@"
    if [ "$status" -eq 0 ] && [ -s "$work/$name.mp4" ]; then
        result PASS "job $name: $(stat -c %s "$work/$name.mp4") bytes"
        grep -E 'fallback|->' "$work/said" | sort -u | head -n 5 >>"$summary"
    else
        judge "job $name"
    fi
}

step "a whole job, whatever encoder this machine proves"
job auto
ours 20 probe "$work/auto.mp4"

step "the same movie with and without the card"
job card --encoder libx264 --preset veryfast
on_card=$(grep -c 'decode started: .*nvdec on card' "$work/said")
CUDA_VISIBLE_DEVICES='' job hidden --encoder libx264 --preset veryfast
if ! [ -s "$work/card.mp4" ] || ! cmp -s "$work/card.mp4" "$work/hidden.mp4"; then
    result FAIL "libx264 movie differs with the card and without"
elif [ "$on_card" -gt 0 ]; then
    result PASS "libx264 movie identical, decoded on the card and in software"
else
    result LACKS "the card did not decode, so both movies were made in software (identical)"
fi

step "summary, after $SECONDS s"
tee -a "$report" <"$summary"
echo "report: $report"
! grep -q '^FAIL' "$summary"
