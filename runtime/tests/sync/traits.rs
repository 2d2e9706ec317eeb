//! Auto traits: what may cross threads, move, and be looked at after a panic.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use zokio::sync::*;

/// `true` if a type has a trait, without asking for it.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "the fallback of types with the trait")]
        trait Fallback { const HAS: bool = false; }
        impl<T: ?Sized> Fallback for T {}
        #[allow(dead_code, reason = "not chosen for types without the trait")]
        impl<T: ?Sized + $($bound)+> Asked<T> { const HAS: bool = true; }
        let _ = Asked::<$type>(std::marker::PhantomData);
        <Asked<$type>>::HAS
    }};
}

macro_rules! auto_traits {
    ($($name:ident: $type:ty => $($trait:ident)*, not $($not:ident)*;)*) => {$(
        #[test]
        fn $name() {
            $(assert!(has!($type: $trait), stringify!($trait));)*
            $(assert!(!has!($type: $not), concat!("not ", stringify!($not)));)*
        }
    )*};
}

/// Send, not Sync.
type Sends = Cell<u8>;
/// Neither.
type Stays = Rc<u8>;

auto_traits! {
    mutex: Mutex<Sends> => Send Sync Unpin, not RefUnwindSafe;
    mutex_of_what_stays: Mutex<Stays> => Unpin, not Send Sync;
    mutex_guard: MutexGuard<'static, u8> => Send Sync Unpin, not;
    mutex_guard_of_what_is_not_shared: MutexGuard<'static, Sends> => Send, not Sync;
    owned_mutex_guard: OwnedMutexGuard<u8> => Send Sync Unpin, not;
    mapped_mutex_guard: MappedMutexGuard<'static, u8> => Send Sync Unpin, not;
    mapped_mutex_guard_of_what_stays: MappedMutexGuard<'static, Stays> => , not Send Sync;
    rwlock: RwLock<u8> => Send Sync Unpin, not;
    rwlock_of_what_is_not_shared: RwLock<Sends> => Send, not Sync;
    read_guard: RwLockReadGuard<'static, u8> => Send Sync Unpin, not;
    read_guard_of_what_is_not_shared: RwLockReadGuard<'static, Sends> => , not Send Sync;
    write_guard: RwLockWriteGuard<'static, u8> => Send Sync Unpin, not;
    owned_read_guard: OwnedRwLockReadGuard<u8> => Send Sync Unpin, not;
    owned_write_guard: OwnedRwLockWriteGuard<u8> => Send Sync Unpin, not;
    mapped_write_guard: RwLockMappedWriteGuard<'static, u8> => Send Sync Unpin, not;
    semaphore: Semaphore => Send Sync Unpin UnwindSafe RefUnwindSafe, not;
    semaphore_permit: SemaphorePermit<'static> => Send Sync Unpin UnwindSafe, not;
    owned_semaphore_permit: OwnedSemaphorePermit => Send Sync Unpin UnwindSafe, not;
    notify: Notify => Send Sync Unpin UnwindSafe RefUnwindSafe, not;
    notified: futures::Notified<'static> => Send Sync, not Unpin;
    owned_notified: futures::OwnedNotified => Send Sync, not Unpin;
    barrier: Barrier => Send Sync Unpin UnwindSafe RefUnwindSafe, not;
    barrier_result: BarrierWaitResult => Send Sync Unpin UnwindSafe RefUnwindSafe, not;
    once_cell: OnceCell<u8> => Send Sync Unpin UnwindSafe RefUnwindSafe, not;
    once_cell_of_what_is_not_shared: OnceCell<Sends> => Send Unpin, not Sync RefUnwindSafe;
    once_cell_of_what_stays: OnceCell<Stays> => Unpin, not Send Sync;
    set_once: SetOnce<u8> => Send Sync Unpin UnwindSafe RefUnwindSafe, not;
    set_once_of_what_is_not_shared: SetOnce<Sends> => Send Unpin, not Sync;
    set_once_of_what_stays: SetOnce<Stays> => Unpin, not Send Sync;
    oneshot_sender: oneshot::Sender<Sends> => Send Sync Unpin, not;
    oneshot_sender_of_what_stays: oneshot::Sender<Stays> => Unpin, not Send Sync;
    oneshot_receiver: oneshot::Receiver<Sends> => Send Sync Unpin, not;
    mpsc_sender: mpsc::Sender<Sends> => Send Sync Unpin UnwindSafe RefUnwindSafe, not;
    mpsc_sender_of_what_stays: mpsc::Sender<Stays> => Unpin UnwindSafe, not Send Sync;
    mpsc_weak_sender: mpsc::WeakSender<Sends> => Send Sync Unpin UnwindSafe, not;
    mpsc_receiver: mpsc::Receiver<Sends> => Send Sync Unpin UnwindSafe RefUnwindSafe, not;
    mpsc_permit: mpsc::Permit<'static, Sends> => Send Sync Unpin UnwindSafe, not;
    mpsc_owned_permit: mpsc::OwnedPermit<Sends> => Send Sync Unpin UnwindSafe, not;
    unbounded_sender: mpsc::UnboundedSender<Sends> => Send Sync Unpin UnwindSafe, not;
    unbounded_receiver: mpsc::UnboundedReceiver<Sends> => Send Sync Unpin UnwindSafe, not;
    watch_sender: watch::Sender<u8> => Send Sync Unpin, not;
    watch_sender_of_what_is_not_shared: watch::Sender<Sends> => Unpin, not Send Sync;
    watch_receiver: watch::Receiver<u8> => Send Sync Unpin, not;
    watch_ref: watch::Ref<'static, u8> => Sync Unpin, not Send;
    watch_ref_of_what_is_not_shared: watch::Ref<'static, Sends> => , not Send Sync;
    broadcast_sender: broadcast::Sender<Sends> => Send Sync Unpin, not;
    broadcast_sender_of_what_stays: broadcast::Sender<Stays> => Unpin, not Send Sync;
    broadcast_receiver: broadcast::Receiver<Sends> => Send Sync Unpin, not;
}
