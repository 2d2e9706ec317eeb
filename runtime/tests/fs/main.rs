//! Files and directories, through the public interface alone: what each documented guarantee
//! comes to.

mod buffered;
mod directories;
mod file;
mod lifecycle;
mod links;
mod open_options;
mod support;
mod times;
mod whole_files;
