//! `pin!`.

use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;

use zokio::pin;

use crate::support::{after, block_on};

async fn unmovable(n: u32) -> u32 {
    let _pinned = PhantomPinned;
    after(1, n).await
}

fn is_pinned<F: Future<Output = u32>>(_: &Pin<&mut F>) {}

#[test]
fn variables_are_pinned_under_their_own_names() {
    let out = block_on(async {
        let (one, two) = (unmovable(1), unmovable(2));
        pin!(one, two);
        is_pinned(&one);
        one.as_mut().await + two.await
    });
    assert_eq!(out, 3);
}

#[test]
fn declarations_are_pinned_where_they_stand() {
    let out = block_on(async {
        pin! {
            let one = unmovable(1);
            let two = unmovable(20);
        }
        zokio::select! {
            biased;
            n = &mut one => n + two.await,
            n = &mut two => n,
        }
    });
    assert_eq!(out, 21);
}

#[test]
fn nothing_to_pin_compiles() {
    pin!();
    let x = unmovable(4);
    pin!(x,);
    assert_eq!(block_on(x), 4);
}
