//! Options of streams and listeners.

use std::time::Duration;

use zokio::net::TcpListener;

use crate::support::{ANY, tcp_pair};

#[zokio::test]
async fn nodelay_is_off_until_set() {
    let (client, _server) = tcp_pair().await;
    assert!(!client.nodelay().unwrap());
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap());
    client.set_nodelay(false).unwrap();
    assert!(!client.nodelay().unwrap());
}

#[zokio::test]
async fn linger_is_off_until_set() {
    let (client, _server) = tcp_pair().await;
    assert_eq!(client.linger().unwrap(), None);
    #[allow(deprecated, reason = "it is, in tokio")]
    client.set_linger(Some(Duration::from_secs(3))).unwrap();
    assert_eq!(client.linger().unwrap(), Some(Duration::from_secs(3)));
    #[allow(deprecated, reason = "it is, in tokio")]
    client.set_linger(None).unwrap();
    assert_eq!(client.linger().unwrap(), None);
}

#[zokio::test]
async fn zero_linger_is_a_linger_of_zero() {
    let (client, _server) = tcp_pair().await;
    client.set_zero_linger().unwrap();
    assert_eq!(client.linger().unwrap(), Some(Duration::ZERO));
}

#[zokio::test]
async fn ttl_of_streams_and_listeners_is_kept() {
    let (client, _server) = tcp_pair().await;
    client.set_ttl(42).unwrap();
    assert_eq!(client.ttl().unwrap(), 42);
    let listener = TcpListener::bind(ANY).await.unwrap();
    listener.set_ttl(43).unwrap();
    assert_eq!(listener.ttl().unwrap(), 43);
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn quickack_is_set_and_asked_for() {
    let (client, _server) = tcp_pair().await;
    client.set_quickack(false).unwrap();
    assert!(!client.quickack().unwrap());
    client.set_quickack(true).unwrap();
    assert!(client.quickack().unwrap());
}
