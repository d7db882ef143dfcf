//! The order in which the tasks of a runtime go on.

use std::future::poll_fn;
use std::task::Poll;

/// Lets each task that is ready go on once before the caller does.
///
/// Tokio's own `yield_now` asks the system for what has arrived, too, which costs a lone job one of
/// its three system calls.
pub(crate) async fn let_others_go_on() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
