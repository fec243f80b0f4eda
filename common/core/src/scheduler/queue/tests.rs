//! What must hold of `queue`.

use super::*;

const COST: Cost = Cost { speed: 1000, expected_ms: 1000, since: Tick(0) };

/// A queue of jobs named `owner-number`, in the order given, at priority 0.
fn queue_of(jobs: &[(&str, u64)]) -> Queue {
    let mut queue = Queue::new(None);
    for (owner, sequence) in jobs {
        queue.opened(owner);
        queue.put(place(owner, *sequence), &name(owner, *sequence));
    }
    queue
}

fn name(owner: &str, sequence: u64) -> JobId {
    JobId::parse(&format!("{owner}-{sequence}")).unwrap()
}

const fn place(owner: &str, sequence: u64) -> Place<'_> {
    Place { owner, priority: 0, sequence }
}

/// Serves whoever is next for `millis`, one after another, `times` times; says who was served how often.
fn serve_one_by_one(
    queue: &mut Queue,
    times: u64,
    millis: impl Fn(&str) -> u64,
) -> BTreeMap<String, u64> {
    let mut served = BTreeMap::new();
    let mut now = 0;
    for lease in 0..times {
        let next = queue.iter().next().unwrap().as_str().to_owned();
        let (owner, sequence) = next.split_once('-').unwrap();
        let sequence = sequence.parse().unwrap();
        let cost = Cost { since: Tick(now), ..COST };
        queue.granted(LeaseId(lease), &name(owner, sequence), place(owner, sequence), cost);
        now += millis(owner);
        queue.ended(LeaseId(lease), Tick(now));
        *served.entry(owner.to_owned()).or_default() += 1;
    }
    served
}

#[test]
fn with_one_slot_two_owners_take_turns_however_many_jobs_one_has() {
    let mut jobs: Vec<_> = (0..1000).map(|sequence| ("many", sequence)).collect();
    jobs.push(("one", 1000));
    let mut queue = queue_of(&jobs);
    let served = serve_one_by_one(&mut queue, 100, |_| 1000);
    assert_eq!((served["many"], served["one"]), (50, 50));
}

#[test]
fn an_owner_whose_leases_take_longer_than_expected_gets_fewer() {
    let mut queue = queue_of(&[("long", 0), ("short", 1)]);
    let served =
        serve_one_by_one(&mut queue, 400, |owner| if owner == "long" { 3000 } else { 1000 });
    assert!(
        (99..=101).contains(&served["long"]),
        "a quarter of the leases, half of the time: {served:?}"
    );
}

#[test]
fn who_comes_late_is_served_next_and_then_has_nothing_to_catch_up() {
    let mut queue = queue_of(&[("early", 0)]);
    serve_one_by_one(&mut queue, 500, |_| 1000);
    queue.opened("late");
    queue.put(place("late", 1), &name("late", 1));
    assert_eq!(queue.iter().next(), Some(&name("late", 1)));
    let served = serve_one_by_one(&mut queue, 20, |_| 1000);
    assert_eq!((served["early"], served["late"]), (10, 10));
}

#[test]
fn an_owner_is_served_first_come_first_served() {
    let queue = queue_of(&[("a", 3), ("a", 1), ("a", 2)]);
    let order: Vec<_> = queue.iter().cloned().collect();
    assert_eq!(order, [name("a", 1), name("a", 2), name("a", 3)]);
}

#[test]
fn what_is_before_a_job_is_the_same_one_by_one_and_in_one_pass() {
    let mut queue = queue_of(&[("a", 0), ("a", 1), ("a", 2), ("b", 3), ("b", 4), ("c", 5)]);
    queue.opened("d");
    queue.put(Place { owner: "d", priority: 1, sequence: 6 }, &name("d", 6));
    queue.granted(LeaseId(1), &name("a", 0), place("a", 0), COST);
    let places = queue.places();
    for (owner, sequence) in [("a", 0), ("a", 1), ("a", 2), ("b", 3), ("b", 4), ("c", 5)] {
        assert_eq!(places[&name(owner, sequence)], queue.before(place(owner, sequence)));
    }
    // The job of higher priority, then `b` and `c`, who hold nothing, and an older one of its own.
    assert_eq!(queue.before(place("a", 1)), 4);
    assert_eq!(places[&name("d", 6)], 0);
}

#[test]
fn an_owner_at_the_cap_has_no_turn_until_a_lease_ends() {
    let mut queue = Queue::new(Some(1));
    queue.opened("a");
    assert!(queue.put(place("a", 0), &name("a", 0)));
    queue.granted(LeaseId(1), &name("a", 0), place("a", 0), COST);
    assert!(queue.is_empty());
    assert!(!queue.put(place("a", 1), &name("a", 1)), "nothing becomes grantable by it");
    let job = name("a", 0);
    assert_eq!(queue.ended(LeaseId(1), Tick(5)), Some(Ended { job, frees_cap: true }));
    assert_eq!(queue.iter().count(), 2);
}

#[test]
fn an_owner_without_jobs_and_leases_is_forgotten() {
    let mut queue = queue_of(&[("a", 0)]);
    queue.granted(LeaseId(1), &name("a", 0), place("a", 0), COST);
    queue.take(place("a", 0));
    queue.ended(LeaseId(1), Tick(5));
    queue.closed("a");
    assert!(queue.owners.is_empty() && queue.turns.is_empty());
}
