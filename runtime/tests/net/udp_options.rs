//! Options of UDP sockets.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};

use zokio::net::UdpSocket;

use crate::support::ANY;

async fn v4() -> UdpSocket {
    UdpSocket::bind(ANY).await.unwrap()
}

/// `None` where the machine has no IPv6.
async fn v6() -> Option<UdpSocket> {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await.ok()
}

#[zokio::test]
async fn broadcast_is_off_until_set() {
    let socket = v4().await;
    assert!(!socket.broadcast().unwrap());
    socket.set_broadcast(true).unwrap();
    assert!(socket.broadcast().unwrap());
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn broadcast_without_the_option_is_not_permitted() {
    let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    let error = socket.send_to(b"x", "127.255.255.255:9").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[zokio::test]
async fn ttl_is_kept() {
    let socket = v4().await;
    socket.set_ttl(42).unwrap();
    assert_eq!(socket.ttl().unwrap(), 42);
}

#[zokio::test]
async fn multicast_options_are_kept() {
    let socket = v4().await;
    assert!(socket.multicast_loop_v4().unwrap());
    socket.set_multicast_loop_v4(false).unwrap();
    assert!(!socket.multicast_loop_v4().unwrap());
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 1);
    socket.set_multicast_ttl_v4(7).unwrap();
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 7);
}

#[zokio::test]
async fn multicast_loop_of_v6_is_kept() {
    let Some(socket) = v6().await else { return };
    assert!(socket.multicast_loop_v6().unwrap());
    socket.set_multicast_loop_v6(false).unwrap();
    assert!(!socket.multicast_loop_v6().unwrap());
}

#[zokio::test]
async fn only_multicast_groups_are_joined() {
    let socket = v4().await;
    let refused = socket.join_multicast_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED);
    assert!(refused.is_err());
    if let Some(socket) = v6().await {
        assert!(socket.join_multicast_v6(&Ipv6Addr::LOCALHOST, 0).is_err());
    }
}

#[zokio::test]
async fn group_that_was_not_joined_is_not_left() {
    let socket = v4().await;
    let group = Ipv4Addr::new(224, 0, 0, 123);
    assert!(
        socket
            .leave_multicast_v4(group, Ipv4Addr::LOCALHOST)
            .is_err()
    );
    if let Some(socket) = v6().await {
        let group = "ff02::123".parse().unwrap();
        assert!(socket.leave_multicast_v6(&group, 1).is_err());
    }
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn joined_group_is_left_once() {
    let socket = v4().await;
    let group = Ipv4Addr::new(224, 0, 0, 123);
    socket
        .join_multicast_v4(group, Ipv4Addr::LOCALHOST)
        .unwrap();
    socket
        .leave_multicast_v4(group, Ipv4Addr::LOCALHOST)
        .unwrap();
    assert!(
        socket
            .leave_multicast_v4(group, Ipv4Addr::LOCALHOST)
            .is_err()
    );
}

#[zokio::test]
async fn type_of_service_is_kept() {
    let socket = v4().await;
    socket.set_tos_v4(0x10).unwrap();
    assert_eq!(socket.tos_v4().unwrap(), 0x10);
    #[allow(deprecated, reason = "the old names are what is tested")]
    {
        socket.set_tos(0x08).unwrap();
        assert_eq!(socket.tos().unwrap(), 0x08);
    }
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn traffic_class_is_kept() {
    let Some(socket) = v6().await else { return };
    socket.set_tclass_v6(0x20).unwrap();
    assert_eq!(socket.tclass_v6().unwrap(), 0x20);
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn socket_is_bound_to_no_device_until_told() {
    let socket = v4().await;
    assert_eq!(socket.device().unwrap(), None);
    assert!(socket.bind_device(Some(b"no-such-device")).is_err());
    assert_eq!(socket.device().unwrap(), None);
}
