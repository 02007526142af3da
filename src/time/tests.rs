use super::*;

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap()
}

#[test]
fn days_are_as_long_as_the_zone_makes_them() {
    let new_york = zone("America/New_York");
    let hours = |y, m, d| {
        let day = Bucket::day(civil::date(y, m, d));
        new_york.end(day).duration_since(new_york.start(day)).as_hours()
    };
    assert_eq!((hours(2026, 3, 8), hours(2026, 3, 9), hours(2026, 11, 1)), (23, 24, 25));
}

#[test]
fn a_missing_midnight_starts_the_day_after_the_gap() {
    let santiago = zone("America/Santiago");
    let day = Bucket::day(civil::date(2026, 9, 6));
    assert_eq!(santiago.civil(santiago.start(day)).hour(), 1);
    assert_eq!(santiago.end(day).duration_since(santiago.start(day)).as_hours(), 23);
}

#[test]
fn a_folded_hour_is_one_bucket_of_two_hours_and_its_second_pass_is_asked_to_its_end() {
    let new_york = zone("America/New_York");
    let folded = Bucket::of(civil::date(2026, 11, 1).at(1, 0, 0, 0), Grain::Hour);
    assert_eq!(new_york.end(folded).duration_since(new_york.start(folded)).as_hours(), 2);
    let first_pass = new_york.start(folded) + SignedDuration::from_mins(20);
    assert_eq!(new_york.present(first_pass), civil::date(2026, 11, 1).at(1, 20, 1, 0));
    let second_pass = new_york.start(folded) + SignedDuration::from_mins(80);
    assert_eq!(new_york.present(second_pass), civil::date(2026, 11, 1).at(2, 0, 0, 0));
}

#[test]
fn a_missing_hour_has_no_length() {
    let new_york = zone("America/New_York");
    let missing = Bucket::of(civil::date(2026, 3, 8).at(2, 0, 0, 0), Grain::Hour);
    assert_eq!(new_york.start(missing), new_york.end(missing));
}

#[test]
fn wire_times_include_both_ends_to_the_second() {
    let window = Bucket::day(civil::date(2026, 4, 4)).window();
    assert_eq!(
        (window.date_ini().as_str(), window.date_end().as_str()),
        ("20260404000000", "20260404235959")
    );
}

#[test]
fn bucket_numbers_round_trip_before_and_after_1970() {
    for (year, hour) in [(1969, 23), (1970, 0), (2026, 13)] {
        for grain in [Grain::Day, Grain::Hour] {
            let at = civil::date(year, 12, 31).at(hour, 0, 0, 0);
            let bucket = Bucket::of(at, grain);
            assert_eq!(Bucket::from_index(grain, bucket.index()).first(), bucket.first());
            assert!(bucket.window().contains(at));
        }
    }
}

#[test]
fn a_scaled_clock_maps_back_to_real_time() {
    let origin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let clock = Clock::scaled(origin, 60.0);
    let minute = clock.to_wall(origin + SignedDuration::from_mins(1)).duration_since(clock.to_wall(origin));
    assert_eq!(minute.as_millis(), 1000);
}

#[tokio::test]
async fn a_manual_clock_tells_when_all_rest_and_who_wakes_first() {
    let start = Timestamp::UNIX_EPOCH;
    let at = |seconds| start + SignedDuration::from_secs(seconds);
    let clock = Clock::manual(start);
    let sleep = |until| {
        let clock = clock.clone();
        tokio::spawn(async move { clock.sleep_until(until).await })
    };
    let (late, early) = (sleep(at(20)), sleep(at(10)));
    assert_eq!(clock.asleep(2).await, at(10));
    clock.advance_to(at(10));
    // Not a moment in which who has been woken is still taken to sleep.
    assert_eq!(clock.asleep(1).await, at(20));
    early.await.unwrap();
    // Who gives up is struck off, and so is who has nothing to wait for.
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    clock.sleep_until(at(10)).await;
    let next = sleep(at(30));
    assert_eq!(clock.asleep(1).await, at(30));
    clock.advance_to(at(31));
    next.await.unwrap();
}

#[tokio::test]
async fn a_manual_clock_set_forward_and_back_before_anybody_looks_wakes_who_slept() {
    let start = Timestamp::UNIX_EPOCH;
    let at = move |seconds| start + SignedDuration::from_secs(seconds);
    for steps in [[90, 0], [90, 10], [-5, 0], [-5, 5]] {
        let clock = Clock::manual(start);
        let sleeper = {
            let clock = clock.clone();
            tokio::spawn(async move { clock.sleep_until(at(60)).await })
        };
        assert_eq!(clock.asleep(1).await, at(60));
        // Nobody runs between the two: who is struck off the sleepers must not go on sleeping.
        steps.iter().for_each(|seconds| clock.advance_to(at(*seconds)));
        tokio::time::timeout(Duration::from_secs(60), sleeper).await.expect("it was woken").unwrap();
    }
}
