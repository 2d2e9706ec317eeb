/// Declares task-local keys of type [`LocalKey`](crate::task::LocalKey).
///
/// A task local is what a thread local is to a thread: a value that every function called by the
/// future can reach, set for the future by [`LocalKey::scope`](crate::task::LocalKey::scope). It
/// follows the future from worker to worker. Child tasks do not inherit it.
///
/// # Examples
///
/// ```
/// zokio::task_local! {
///     /// The request being served.
///     pub static REQUEST: u64;
///
///     static TENANT: String
/// }
///
/// fn log(text: &str) -> String {
///     REQUEST.with(|id| format!("[{id}] {text}"))
/// }
///
/// REQUEST.sync_scope(7, || assert_eq!(log("hello"), "[7] hello"));
/// TENANT.sync_scope("a".to_owned(), || assert_eq!(TENANT.get(), "a"));
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty; $($rest:tt)*) => {
        $crate::task_local!($(#[$attr])* $vis static $name: $t);
        $crate::task_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty) => {
        $(#[$attr])*
        $vis static $name: $crate::task::LocalKey<$t> = {
            ::std::thread_local! {
                static SLOT: ::core::cell::RefCell<::core::option::Option<$t>> = const {
                    ::core::cell::RefCell::new(::core::option::Option::None)
                };
            }
            $crate::task::LocalKey::__new(SLOT)
        };
    };
}
