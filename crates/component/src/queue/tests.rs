use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::{Weigh, queue};

/// Numbers count for one each.
macro_rules! light {
    ($($number:ty),*) => {
        $(impl Weigh for $number {
            fn weight(&self) -> usize {
                1
            }
        })*
    };
}
light!(i32, usize);

/// An item that is as heavy as it says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Heavy(usize);

impl Weigh for Heavy {
    fn weight(&self) -> usize {
        self.0
    }
}

#[tokio::test]
async fn the_weight_of_what_is_queued_is_bounded_and_one_heavy_item_enters_alone() {
    let (sender, receiver) = queue(10);
    assert_eq!(sender.push(Heavy(100)).await, Ok(()));
    {
        let second = sender.push(Heavy(1));
        tokio::pin!(second);
        assert!(futures::poll!(second.as_mut()).is_pending());
        assert_eq!(receiver.pop().await, Some(Heavy(100)));
        assert_eq!(second.await, Ok(()));
    }
    let mut run = VecDeque::from([Heavy(4), Heavy(5), Heavy(1)]);
    {
        let rest = sender.push_run(&mut run);
        tokio::pin!(rest);
        assert!(futures::poll!(rest).is_pending(), "11 do not fit into 10");
    }
    assert_eq!(run, [Heavy(1)]);
    let mut taken = Vec::new();
    assert!(receiver.pop_run(7, &mut taken).await);
    assert_eq!(taken, [Heavy(1), Heavy(4)], "at most 7 in one step");
    assert!(receiver.pop_run(2, &mut taken).await);
    assert_eq!(taken.len(), 3, "at least one item in one step");
}

#[tokio::test]
async fn tasks_that_wait_for_room_get_it_in_the_order_in_which_they_came() {
    let (sender, receiver) = queue(10);
    // Light ones would fit where a heavy one that came before them does not.
    let weights = [6, 6, 1, 7, 2, 5, 1, 1, 9, 3];
    let mut pushes: FuturesUnordered<_> = weights
        .iter()
        .map(|weight| sender.push(Heavy(*weight)))
        .collect();
    let mut came = Vec::new();
    while came.len() < weights.len() {
        let mut run = Vec::new();
        tokio::select! {
            biased;
            Some(pushed) = pushes.next() => assert_eq!(pushed, Ok(())),
            _ = receiver.pop_run(1, &mut run) => came.extend(run),
        }
    }
    assert_eq!(came, weights.map(Heavy));
}

#[test]
fn a_run_is_handed_over_in_one_step_and_in_order() {
    let (sender, receiver) = queue(8);
    sender.push_run_blocking(&mut VecDeque::from([1, 2, 3]));
    let mut run = Vec::new();
    assert!(receiver.pop_run_blocking(64, &mut run));
    assert_eq!(run, [1, 2, 3]);
}

#[test]
fn receivers_drain_what_is_left_after_the_last_sender() {
    let (sender, receiver) = queue(8);
    sender.push_run_blocking(&mut VecDeque::from([1, 2]));
    drop(sender);
    let mut run = Vec::new();
    assert!(receiver.pop_run_blocking(1, &mut run));
    assert!(receiver.pop_run_blocking(1, &mut run));
    assert!(!receiver.pop_run_blocking(1, &mut run));
    assert_eq!(run, [1, 2]);
}

#[test]
fn pushes_hand_items_back_when_nobody_receives() {
    let (sender, receiver) = queue(1);
    drop(receiver);
    let mut run = VecDeque::from([1, 2]);
    sender.push_run_blocking(&mut run);
    assert_eq!(run.len(), 2);
}

#[tokio::test]
async fn a_receiver_that_takes_few_at_a_time_lets_few_wait() {
    let (sender, receiver) = queue(8);
    receiver.limit(1);
    let mut run = VecDeque::from([1, 2, 3]);
    {
        let push = sender.push_run(&mut run);
        tokio::pin!(push);
        assert!(futures::poll!(push.as_mut()).is_pending());
        assert_eq!(receiver.gauge().depth(), 1);
        assert_eq!(receiver.pop().await, Some(1));
        assert!(futures::poll!(push.as_mut()).is_pending());
    }
    assert_eq!((receiver.pop().await, run), (Some(2), VecDeque::from([3])));
}

#[tokio::test]
async fn a_cancelled_pop_loses_nothing() {
    let (sender, receiver) = queue(4);
    {
        let pop = receiver.pop();
        tokio::pin!(pop);
        assert!(futures::poll!(pop.as_mut()).is_pending());
    }
    assert_eq!(sender.push(7).await, Ok(()));
    assert_eq!(receiver.pop().await, Some(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_and_tasks_share_one_queue_without_losing_an_item() {
    const EACH: usize = 5_000;
    let (sender, receiver) = queue(16);
    let sum = Arc::new(AtomicUsize::new(0));
    let mut producers = Vec::new();
    for _ in 0..2 {
        let sender = sender.clone();
        producers.push(std::thread::spawn(move || {
            for chunk in 0..EACH / 10 {
                let mut run: VecDeque<usize> = (chunk * 10..chunk * 10 + 10).collect();
                sender.push_run_blocking(&mut run);
                assert!(run.is_empty());
            }
        }));
    }
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let sender = sender.clone();
            tokio::spawn(async move {
                for i in 0..EACH {
                    assert_eq!(sender.push(i).await, Ok(()));
                }
            })
        })
        .collect();
    drop(sender);
    let mut consumers = Vec::new();
    for _ in 0..2 {
        let (receiver, sum) = (receiver.clone(), Arc::clone(&sum));
        consumers.push(std::thread::spawn(move || {
            let mut run = Vec::new();
            while receiver.pop_run_blocking(7, &mut run) {
                sum.fetch_add(run.drain(..).sum(), Ordering::SeqCst);
            }
        }));
    }
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (receiver, sum) = (receiver.clone(), Arc::clone(&sum));
            tokio::spawn(async move {
                while let Some(item) = receiver.pop().await {
                    sum.fetch_add(item, Ordering::SeqCst);
                }
            })
        })
        .collect();
    drop(receiver);
    for task in tasks.into_iter().chain(readers) {
        task.await.unwrap();
    }
    for thread in producers.into_iter().chain(consumers) {
        thread.join().unwrap();
    }
    assert_eq!(sum.load(Ordering::SeqCst), 4 * EACH * (EACH - 1) / 2);
}
