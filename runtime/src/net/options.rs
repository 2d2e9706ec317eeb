//! Options that several kinds of sockets have, as methods.

/// Options that are got and set, by the names that the inner socket has for them.
macro_rules! socket_options {
    (
        |$this:ident| $inner:expr;
        $($what:literal, $get:ident / $set:ident: $type:ty = $inner_get:ident / $inner_set:ident;)*
    ) => {$(
        #[doc = $what]
        ///
        /// # Errors
        ///
        /// If the system cannot tell.
        pub fn $get(&self) -> std::io::Result<$type> {
            let $this = self;
            $inner.$inner_get()
        }

        #[doc = concat!("Sets: ", $what)]
        ///
        /// # Errors
        ///
        /// If the system refuses it.
        pub fn $set(&self, value: $type) -> std::io::Result<()> {
            let $this = self;
            $inner.$inner_set(value)
        }
    )*};
}

/// What sockets for IP have: the class of their packets, and the network interface.
macro_rules! ip_options {
    (|$this:ident| $inner:expr) => {
        #[cfg(any(
            target_os = "android",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "fuchsia",
            target_os = "linux",
            target_os = "macos",
            target_os = "netbsd",
            target_os = "openbsd",
        ))]
        $crate::net::options::socket_options! { |$this| $inner;
            "The traffic class of its packets (`IPV6_TCLASS`).",
            tclass_v6 / set_tclass_v6: u32 = tclass_v6 / set_tclass_v6;
        }

        #[cfg(not(any(
            target_os = "fuchsia",
            target_os = "redox",
            target_os = "solaris",
            target_os = "illumos",
            target_os = "haiku",
        )))]
        $crate::net::options::socket_options! { |$this| $inner;
            "The type of service of its packets (`IP_TOS`).",
            tos_v4 / set_tos_v4: u32 = tos_v4 / set_tos_v4;
        }

        /// The old name of [`tos_v4`](Self::tos_v4).
        ///
        /// # Errors
        ///
        /// If the system cannot tell.
        #[deprecated(note = "`tos` is specific to IPv4: it is called `tos_v4`")]
        #[doc(hidden)]
        #[cfg(not(any(
            target_os = "fuchsia",
            target_os = "redox",
            target_os = "solaris",
            target_os = "illumos",
            target_os = "haiku",
        )))]
        pub fn tos(&self) -> std::io::Result<u32> {
            self.tos_v4()
        }

        /// The old name of [`set_tos_v4`](Self::set_tos_v4).
        ///
        /// # Errors
        ///
        /// If the system refuses it.
        #[deprecated(note = "`set_tos` is specific to IPv4: it is called `set_tos_v4`")]
        #[doc(hidden)]
        #[cfg(not(any(
            target_os = "fuchsia",
            target_os = "redox",
            target_os = "solaris",
            target_os = "illumos",
            target_os = "haiku",
        )))]
        pub fn set_tos(&self, tos: u32) -> std::io::Result<()> {
            self.set_tos_v4(tos)
        }

        /// The network interface that it is bound to (`SO_BINDTODEVICE`).
        ///
        /// # Errors
        ///
        /// If the system cannot tell.
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        pub fn device(&self) -> std::io::Result<Option<Vec<u8>>> {
            let $this = self;
            $inner.device()
        }

        /// Binds it to a network interface, whose packets are then all that it gets
        /// (`SO_BINDTODEVICE`), or with `None` to all of them.
        ///
        /// # Errors
        ///
        /// If there is no such interface, or the system refuses it.
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        pub fn bind_device(&self, interface: Option<&[u8]>) -> std::io::Result<()> {
            let $this = self;
            $inner.bind_device(interface)
        }
    };
}

pub(super) use {ip_options, socket_options};
