//! Sockets, through the public interface alone: what each documented guarantee comes to.

mod addresses;
mod halves;
mod lifecycle;
#[cfg(unix)]
mod pipe;
mod readiness;
mod support;
mod tcp;
mod tcp_options;
mod tcp_socket;
mod traits;
mod udp;
mod udp_buffers;
mod udp_options;
#[cfg(unix)]
mod unix_datagram;
#[cfg(unix)]
mod unix_socket;
#[cfg(unix)]
mod unix_stream;
