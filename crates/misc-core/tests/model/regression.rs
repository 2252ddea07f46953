//! Scenarios that once told the app from its model, as the property test shrank them.

use crate::scenario::{Call, End, Outcome, Policy, Scenario, Task, group, never, plain, ready, resource};
use crate::{Seen, divergence};

#[test]
fn an_app_of_background_services_runs_until_stopped() {
    agrees(&Scenario::new(4000).service(plain("f").background().plays(ready(1))));
    agrees(&Scenario::new(4000).service(resource("e").plays(ready(1))));
}

#[test]
fn what_a_late_group_held_is_seen_to_end_and_named() {
    let scenario = Scenario::new(4000)
        .service(group("b", 4000, vec![plain("z").plays(ready(1))]))
        .service(plain("c").plays(ready(2).ignores_stopping()));
    agrees(&scenario);
}

#[test]
fn a_group_that_failed_first_still_names_what_was_late_inside() {
    let inner = plain("y").start_within(29000).plays(never().ignores_stopping());
    agrees(&Scenario::new(4000).service(group("a", 4000, vec![inner]).start_within(20000).stop_within(4000)));
}

#[test]
fn a_group_past_its_start_deadline_still_lists_what_failed_inside() {
    let inner = vec![
        plain("x").plays(ready(1).stop(3000, Outcome::Ok)),
        plain("z").plays(never().end(500, End::Returns(Outcome::Err))),
    ];
    agrees(&Scenario::new(9000).service(group("a", 9000, inner).start_within(2000)));
}

#[test]
fn a_group_that_is_ignored_still_names_what_was_late_inside() {
    let inner = plain("y").plays(ready(1).ignores_stopping());
    agrees(&Scenario::new(4000).service(group("a", 4000, vec![inner]).policy(Policy::Ignore)));
}

#[test]
fn cleaning_up_does_not_count_as_ready_time() {
    let policy = Policy::Restart { attempts: 2, initial: 1, max: 2, reset_after: 4757 };
    let attempt = ready(1882).task(4823, Task::Panics).stop(1816, Outcome::Ok);
    agrees(&Scenario::new(4000).service(plain("f").policy(policy).plays(attempt)));
}

#[test]
fn a_service_that_failed_to_start_gets_its_whole_deadline_when_restarted_by_hand() {
    let scenario = Scenario::new(4000)
        .service(plain("a").policy(Policy::Ignore).start_within(100).plays(never()).plays(ready(50)))
        .service(plain("d").after([]).plays(ready(3).stop(2, Outcome::Ok)))
        .call(600, Call::Restart("a".into()));
    agrees(&scenario);
}

#[test]
fn a_dependency_that_is_ready_after_all_releases_nobody_twice() {
    let scenario = Scenario::new(4000)
        .service(plain("a").policy(Policy::Ignore).plays(ready(9).end(1, End::Returns(Outcome::Err))).plays(ready(5)))
        .service(plain("d").plays(ready(3)))
        .call(6, Call::Restart("a".into()));
    agrees(&scenario);
}

#[test]
fn no_backoff_begins_after_the_deadline_of_the_first_start() {
    let policy = Policy::Restart { attempts: 3, initial: 879, max: 880, reset_after: 200000 };
    let attempt = never().task(7799, Task::Panics).stop(1762, Outcome::Ok);
    agrees(&Scenario::new(4000).service(plain("f").policy(policy).start_within(20000).plays(attempt)));
}

#[test]
fn restarts_go_on_during_the_drain_delay() {
    let policy = Policy::Restart { attempts: 4, initial: 118, max: 236, reset_after: 60000 };
    let scenario = Scenario::new(9000)
        .drain_delay(2000)
        .service(plain("b").plays(ready(105)))
        .service(plain("e").policy(policy).plays(ready(1).end(5000, End::Returns(Outcome::Err)).stop(7, Outcome::Ok)))
        .call(4500, Call::Shutdown);
    agrees(&scenario);
}

#[test]
fn a_parent_that_only_waits_for_its_late_child_is_not_late_itself() {
    let child = plain("k").stop_within(4001).plays(ready(1).ignores_stopping());
    let parent = plain("a").stop_within(4000).plays(ready(1).child(2, child).end(50, End::Returns(Outcome::Ok)));
    agrees(&Scenario::new(20000).service(plain("b").plays(ready(3))).service(parent));
}

#[test]
fn a_stop_that_is_under_way_is_shortened_when_the_app_stops() {
    let scenario = Scenario::new(4000)
        .service(plain("b").stop_within(5100).plays(ready(1).ignores_stopping()))
        .service(plain("d").plays(ready(1).end(200, End::Returns(Outcome::Err))))
        .call(150, Call::Stop("b".into()));
    agrees(&scenario);
}

#[test]
fn a_stop_that_is_under_way_gets_no_more_time_when_the_limit_passes() {
    let scenario = Scenario::new(4000)
        .service(plain("b").stop_within(5100).plays(ready(1).ignores_stopping()))
        .service(plain("d").plays(ready(1).ignores_stopping()))
        .service(plain("f").plays(ready(1).ignores_stopping()))
        .call(150, Call::Stop("b".into()))
        .call(200, Call::Shutdown);
    agrees(&scenario);
}

#[test]
fn a_tightened_stop_keeps_a_hundred_milliseconds_from_when_it_was_asked() {
    let slow = plain("y").policy(Policy::Ignore).plays(ready(1).task(5000, Task::Panics).stop(1081, Outcome::Ok));
    let scenario = Scenario::new(4000)
        .service(group("f", 4000, vec![slow, plain("z").plays(ready(1).ignores_stopping())]).after([]).stop_within(1))
        .call(6000, Call::Shutdown);
    agrees(&scenario);
}

fn agrees(scenario: &Scenario) {
    match divergence(scenario, None) {
        Seen::Agreement => {}
        Seen::Undecided => {
            panic!("the rules do not decide it: {:?}\n{scenario:?}", crate::model::run(scenario, None).open)
        }
        Seen::Divergence(text) => panic!("{text}\n{scenario:?}"),
    }
}
