//! Who is answered with what, and who has been.

use std::io::Read as _;

use crate::metrics::{Block, Family, Label, LabelText, Sample, catalogue};

use super::*;

const HASTE: Pace = Pace { least: Duration::ZERO, factor: 0 };

fn publisher() -> Publisher {
    Publisher::with_pace(Arc::new(SelfMetrics::new("0", "0", "0")), HASTE)
}

fn block(family: &'static Family, operation: &str, value: i64) -> Block {
    let labels = LabelText::new([(Label::Operation, operation)]);
    Block { family, samples: vec![Sample { labels, values: [value].into() }] }
}

/// Operations whose every series has the same value.
fn operations(names: &[&str], value: i64) -> Vec<OperationBlocks> {
    let operation = |name: &&str| {
        let families = [&catalogue::UP, &catalogue::TOKEN_REQUESTS, &catalogue::IVR_CALLS];
        let blocks = families.map(|family| Arc::new(vec![block(family, name, value)]));
        OperationBlocks { name: (*name).into(), blocks: blocks.into() }
    };
    names.iter().map(operation).collect()
}

async fn published(publisher: &Publisher, number: u64) {
    publisher.published().wait_for(|published| *published >= number).await.unwrap();
}

/// Runs the publisher beside a test.
fn start(publisher: &Publisher) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let stop = CancellationToken::new();
    let (runner, token) = (publisher.clone(), stop.clone());
    (stop, tokio::spawn(async move { runner.run(token).await }))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn body(answer: &Answer, encoding: Encoding) -> String {
    let bytes = [&answer.prepared[..], &answer.own[..]].concat();
    match encoding {
        Encoding::Identity => String::from_utf8(bytes).unwrap(),
        Encoding::Gzip => {
            let mut text = String::new();
            flate2::bufread::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            text
        }
    }
}

#[tokio::test]
async fn before_the_first_update_only_the_process_speaks() {
    let publisher = publisher();
    let answer = publisher.answer(Format::OpenMetrics, Encoding::Gzip, &[]).await.unwrap();
    let body = body(&answer, Encoding::Gzip);
    assert!(body.contains("wolkvox_exporter_build_info{"));
    assert!(!body.contains("wolkvox_up"));
    assert!(body.ends_with("# EOF\n"));
    answer.receipt.deliver();
    assert_eq!(publisher.served("a"), 0);
}

#[tokio::test]
async fn an_update_before_the_start_is_rendered_at_once_at_any_pace() {
    let pace = Pace { least: Duration::from_secs(1 << 30), factor: 1 };
    let publisher = Publisher::with_pace(Arc::new(SelfMetrics::new("0", "0", "0")), pace);
    publisher.update(1, operations(&["a"], 5));
    let (stop, running) = start(&publisher);
    published(&publisher, 1).await;
    // The second waits for its turn, and the wait does not outlive the stop.
    publisher.update(2, operations(&["a"], 6));
    let answer = publisher.answer(Format::Text, Encoding::Identity, &[]).await.unwrap();
    assert!(body(&answer, Encoding::Identity).contains("wolkvox_up{operation=\"a\"} 5\n"));
    stop.cancel();
    running.await.unwrap();
    assert_eq!(*publisher.published().borrow(), 1);
}

#[tokio::test]
async fn every_format_shows_the_latest_update_whenever_it_was_last_asked_for() {
    let publisher = publisher();
    let (stop, running) = start(&publisher);
    for number in 1..=4_u64 {
        publisher.update(number, operations(&["a", "b"], number as i64));
        published(&publisher, number).await;
        // Text is asked for at each change, OpenMetrics only at the last.
        for format in Format::ALL.into_iter().take(if number == 4 { 2 } else { 1 }) {
            for encoding in [Encoding::Identity, Encoding::Gzip] {
                let answer = publisher.answer(format, encoding, &[]).await.unwrap();
                let body = body(&answer, encoding);
                assert!(body.contains(&format!("\nwolkvox_up{{operation=\"b\"}} {number}\n")), "{body}");
                assert!(body.contains("wolkvox_exporter_series 6\n"), "{body}");
            }
        }
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn an_input_counts_as_served_once_an_answer_with_it_is_delivered() {
    let publisher = publisher();
    let (stop, running) = start(&publisher);
    publisher.update(7, operations(&["a", "b", "c"], 1));
    published(&publisher, 7).await;
    let full = || publisher.answer(Format::Text, Encoding::Gzip, &[]);
    let early = full().await.unwrap();
    drop(full().await.unwrap());
    assert_eq!(publisher.served("a"), 0, "an answer nobody took shows nothing");

    let subset = publisher.answer(Format::Text, Encoding::Gzip, &names(&["b", "a", "b"])).await.unwrap();
    let mut news = publisher.watch_served();
    subset.receipt.deliver();
    assert!(news.has_changed().unwrap());
    assert_eq!((publisher.served("a"), publisher.served("b"), publisher.served("c")), (7, 7, 0));

    publisher.update(8, operations(&["a", "b", "c"], 2));
    published(&publisher, 8).await;
    full().await.unwrap().receipt.deliver();
    assert_eq!((publisher.served("a"), publisher.served("c")), (8, 8));
    // An answer made before arrives after: nothing goes back, and it is no news.
    news.mark_unchanged();
    early.receipt.deliver();
    assert_eq!(publisher.served("a"), 8);
    assert!(!news.has_changed().unwrap());
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_subset_holds_its_operations_and_nothing_else() {
    let publisher = publisher();
    let (stop, running) = start(&publisher);
    publisher.update(1, operations(&["a", "b", "c"], 1));
    published(&publisher, 1).await;
    for full_first in [false, true] {
        if full_first {
            publisher.answer(Format::OpenMetrics, Encoding::Identity, &[]).await.unwrap();
            // Another subset is another rendering, now with a full body to copy from.
            publisher.update(2, operations(&["a", "b", "c"], 1));
            published(&publisher, 2).await;
        }
        let answer =
            publisher.answer(Format::OpenMetrics, Encoding::Gzip, &names(&["c", "a"])).await.unwrap();
        let body = body(&answer, Encoding::Gzip);
        assert!(!body.contains("operation=\"b\""));
        assert!(!body.contains("wolkvox_exporter_") && !body.contains("process_"));
        assert!(body.contains("wolkvox_up{operation=\"a\"} 1\nwolkvox_up{operation=\"c\"} 1\n"), "{body}");
        assert!(body.ends_with("# EOF\n"));
    }
    let unknown = publisher.answer(Format::Text, Encoding::Identity, &names(&["a", "zz"])).await.unwrap_err();
    assert_eq!(unknown.to_string(), "unknown operation \"zz\"");
    stop.cancel();
    running.await.unwrap();
}

#[test]
fn sixteen_subsets_are_kept_those_used_last() {
    let generation = Generation::new(Arc::new(Input { number: 1, operations: Vec::new() }));
    let key = |nth: usize| (Format::Text, vec![Arc::from(nth.to_string())]);
    let first: Vec<_> = (0..SUBSETS_MAX).map(|nth| generation.subset(key(nth))).collect();
    for (nth, cell) in first.iter().enumerate() {
        assert!(Arc::ptr_eq(cell, &generation.subset(key(nth))));
    }
    assert!(Arc::ptr_eq(&first[0], &generation.subset(key(0))));
    generation.subset(key(SUBSETS_MAX));
    assert!(Arc::ptr_eq(&first[0], &generation.subset(key(0))), "just used, so kept");
    assert!(!Arc::ptr_eq(&first[1], &generation.subset(key(1))), "used longest ago, so gone");
    assert_eq!(generation.subsets.lock().unwrap().len(), SUBSETS_MAX);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_scrape_sees_one_generation_whole() {
    let publisher = publisher();
    let (stop, running) = start(&publisher);
    publisher.update(1, operations(&["a", "b", "c", "d"], 1));
    published(&publisher, 1).await;
    let scrape = |nth: usize| {
        let publisher = publisher.clone();
        async move {
            let mut last = 0;
            for round in 0..200 {
                let format = Format::ALL[(nth + round) % 2];
                let encoding = [Encoding::Identity, Encoding::Gzip][(nth + round / 2) % 2];
                let some = names(&["b", "d"]);
                let some = if round % 3 == 0 { &some[..] } else { &[] };
                let answer = publisher.answer(format, encoding, some).await.unwrap();
                let body = body(&answer, encoding);
                let values: Vec<i64> = body
                    .lines()
                    .filter(|line| line.contains("{operation="))
                    .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
                    .collect();
                assert_eq!(values.len(), if some.is_empty() { 12 } else { 6 });
                assert!(values.iter().all(|value| *value == values[0]), "{body}");
                assert!(values[0] >= last, "a later scrape sees nothing older");
                last = values[0];
                answer.receipt.deliver();
                assert!(publisher.served("b") >= last as u64);
            }
        }
    };
    let scrapers: Vec<_> = (0..4).map(|nth| tokio::spawn(scrape(nth))).collect();
    let mut number = 1;
    while scrapers.iter().any(|scraper| !scraper.is_finished()) {
        number += 1;
        publisher.update(number, operations(&["a", "b", "c", "d"], number as i64));
        tokio::task::yield_now().await;
    }
    for scraper in scrapers {
        scraper.await.unwrap();
    }
    stop.cancel();
    running.await.unwrap();
}

/// Whoever renders subsets, or stands in line to, holds up neither a change nor a scrape of everything; nor the other
/// way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subsets_and_everything_wait_only_for_their_own_kind() {
    const PATIENCE: Duration = Duration::from_secs(60);
    let publisher = publisher();
    let (stop, running) = start(&publisher);
    publisher.update(1, operations(&["a", "b"], 1));
    published(&publisher, 1).await;
    let some = names(&["b"]);
    for encoding in [Encoding::Identity, Encoding::Gzip] {
        let held = publisher.0.subsets.acquire().await.unwrap();
        let number = *publisher.published().borrow() + 1;
        publisher.update(number, operations(&["a", "b"], number as i64));
        tokio::time::timeout(PATIENCE, published(&publisher, number))
            .await
            .expect("a change waits for subsets");
        for format in Format::ALL {
            let full = tokio::time::timeout(PATIENCE, publisher.answer(format, encoding, &[])).await;
            let text = body(&full.expect("a scrape waits for subsets").unwrap(), encoding);
            assert!(text.contains(&format!("wolkvox_up{{operation=\"a\"}} {number}\n")), "{text}");
        }
        let mut waiting = std::pin::pin!(publisher.answer(Format::Text, encoding, &some));
        assert!(
            std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await
        );
        drop(held);
        waiting.await.unwrap();

        let held = publisher.0.rendering.acquire().await.unwrap();
        for format in Format::ALL {
            let subset = tokio::time::timeout(PATIENCE, publisher.answer(format, encoding, &some)).await;
            let text = body(&subset.expect("a subset waits for everything").unwrap(), encoding);
            assert!(
                text.contains("wolkvox_up{operation=\"b\"}") && !text.contains("operation=\"a\""),
                "{text}"
            );
        }
        drop(held);
    }
    stop.cancel();
    running.await.unwrap();
}

/// Readers hold what they have not read yet, and there are as many subsets as anybody likes to name.
#[tokio::test]
async fn subsets_that_are_held_leave_room_for_no_more_and_everything_needs_none() {
    for encoding in [Encoding::Identity, Encoding::Gzip] {
        let publisher = publisher();
        let (stop, running) = start(&publisher);
        publisher.update(1, operations(&["a", "b", "c", "d"], 1));
        published(&publisher, 1).await;
        // Room for two, since each takes less than one KiB.
        publisher.0.room.forget_permits(HELD_MAX - 2);
        let publisher = &publisher;
        let ask = |name: &'static str| async move {
            publisher.answer(Format::Text, encoding, &names(&[name])).await.map(|answer| answer.prepared)
        };
        let (a, b) = (ask("a").await.unwrap(), ask("b").await.unwrap());
        assert!(matches!(ask("c").await, Err(AnswerError::Busy)));
        assert_eq!(publisher.0.room.available_permits(), 0);
        drop(publisher.answer(Format::Text, encoding, &[]).await.unwrap());
        drop(a);
        // What is read to its end is only kept, and gives way.
        let c = ask("c").await.unwrap();
        assert!(matches!(ask("d").await, Err(AnswerError::Busy)));
        drop((b, c));
        for name in ["a", "b", "c", "d"] {
            ask(name).await.unwrap();
        }
        stop.cancel();
        running.await.unwrap();
    }
}
