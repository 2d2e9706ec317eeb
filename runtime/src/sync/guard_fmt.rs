//! Guards are shown as what they guard.

/// `Debug` and `Display` of a guard by those of its target.
macro_rules! transparent_fmt {
    ($(($($generics:tt)*) $guard:ty, $shown:ident;)*) => {$(
        impl<$($generics)*> ::std::fmt::Debug for $guard
        where
            $shown: ::std::fmt::Debug,
        {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($generics)*> ::std::fmt::Display for $guard
        where
            $shown: ::std::fmt::Display,
        {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                (**self).fmt(f)
            }
        }
    )*};
}

pub(super) use transparent_fmt;
