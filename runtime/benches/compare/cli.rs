//! The command line.

use std::path::PathBuf;

#[derive(Clone)]
pub struct Options {
    pub pairs: usize,
    pub workers: usize,
    /// Prefixes of row names; empty: all.
    pub rows: Vec<String>,
    pub json: Option<PathBuf>,
    /// Ratios to compare with.
    pub check: Option<PathBuf>,
    /// Peers from other builds of this benchmark, in place of those of this one.
    pub against: Vec<Other>,
    /// Runtimes to leave out.
    pub without: Vec<String>,
    pub smoke: bool,
}

/// One runtime of another build.
#[derive(Clone)]
pub struct Other {
    pub name: String,
    pub runtime: String,
    pub program: PathBuf,
}

impl Options {
    pub fn wants(&self, row: &str) -> bool {
        self.rows.is_empty()
            || self
                .rows
                .iter()
                .any(|prefix| row.starts_with(prefix.as_str()))
    }
}

const USAGE: &str = "usage: compare [ROW…] [--pairs N] [--workers N] [--json FILE] [--check FILE] \
    [--against [NAME[:RUNTIME]=]BINARY] [--without RUNTIME] [--smoke]";

pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        pairs: 15,
        workers: 2,
        rows: Vec::new(),
        json: None,
        check: None,
        against: Vec::new(),
        without: Vec::new(),
        smoke: false,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value\n{USAGE}"));
        match arg.as_str() {
            "--pairs" => options.pairs = number(&value()?)?,
            "--workers" => options.workers = number(&value()?)?,
            "--json" => options.json = Some(value()?.into()),
            "--check" => options.check = Some(value()?.into()),
            "--against" => {
                let text = value()?;
                let (name, program) = text.split_once('=').unwrap_or(("other", &text));
                let (name, runtime) = name.split_once(':').unwrap_or((name, "zokio"));
                options.against.push(Other {
                    name: name.to_owned(),
                    runtime: runtime.to_owned(),
                    program: program.into(),
                });
            }
            "--without" => options.without.push(value()?),
            "--smoke" => options.smoke = true,
            // What cargo passes to every benchmark.
            "--bench" => {}
            flag if flag.starts_with('-') => return Err(format!("unknown option {flag}\n{USAGE}")),
            row => options.rows.push(row.to_owned()),
        }
    }
    if options.smoke {
        options.pairs = 1;
    }
    Ok(options)
}

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text} is no number above 0\n{USAGE}")),
        Ok(number) => Ok(number),
    }
}
