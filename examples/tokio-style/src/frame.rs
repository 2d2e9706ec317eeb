//! Framing for `kv`: a frame is a list of words, each with its length in front, so that a word may
//! be any text.
//!
//! ```text
//! u32 number of words, then for each: u32 length, UTF-8
//! ```

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Words that a frame may have.
pub const MAX_WORDS: u32 = 16;
/// Bytes that a word may have.
pub const MAX_LENGTH: u32 = 1 << 20;

/// Reads a frame; `None` if the peer has ended the stream where a frame would begin.
///
/// # Errors
///
/// Those of the stream; `UnexpectedEof` if it ends within a frame; `InvalidData` if a frame is too
/// large or not text.
pub async fn read_frame<R: AsyncRead + Unpin>(stream: &mut R) -> Result<Option<Vec<String>>> {
    let mut count = [0; 4];
    if stream.read(&mut count[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut count[1..]).await?;
    let count = within(u32::from_be_bytes(count), MAX_WORDS, "words")?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length = within(stream.read_u32().await?, MAX_LENGTH, "bytes in a word")?;
        let mut word = vec![0; length as usize];
        stream.read_exact(&mut word).await?;
        words.push(String::from_utf8(word).map_err(|e| Error::new(ErrorKind::InvalidData, e))?);
    }
    Ok(Some(words))
}

/// Writes a frame and flushes.
///
/// # Errors
///
/// Those of the stream; `InvalidData` if the frame is too large.
pub async fn write_frame<W: AsyncWrite + Unpin>(stream: &mut W, words: &[&str]) -> Result<()> {
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut frame = Vec::new();
    let count = within(size(words.len()), MAX_WORDS, "words")?;
    frame.extend(count.to_be_bytes());
    for word in words {
        let length = within(size(word.len()), MAX_LENGTH, "bytes in a word")?;
        frame.extend(length.to_be_bytes());
        frame.extend(word.as_bytes());
    }
    stream.write_all(&frame).await?;
    stream.flush().await
}

fn within(n: u32, most: u32, what: &str) -> Result<u32> {
    if n <= most {
        return Ok(n);
    }
    let message = format!("a frame with {n} {what}, more than {most}");
    Err(Error::new(ErrorKind::InvalidData, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_arrive_as_they_were_sent() {
        let (mut a, mut b) = tokio::io::duplex(16);
        let sent: [&[&str]; 3] = [&["SET", "a key", "line\nline"], &[], &["", "ä"]];
        let writing = async {
            for words in sent {
                write_frame(&mut a, words).await.unwrap();
            }
            drop(a);
        };
        let reading = async {
            for words in sent {
                assert_eq!(read_frame(&mut b).await.unwrap().unwrap(), words);
            }
            assert_eq!(read_frame(&mut b).await.unwrap(), None);
        };
        tokio::join!(writing, reading);
    }

    #[tokio::test]
    async fn frame_cut_short_is_an_error() {
        let mut stream: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 5, b'h', b'i'];
        let error = read_frame(&mut stream).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn frame_that_is_too_large_is_refused_before_memory_is_taken() {
        let mut stream: &[u8] = &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
        let error = read_frame(&mut stream).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let word = "x".repeat(MAX_LENGTH as usize + 1);
        let error = write_frame(&mut tokio::io::sink(), &[&word]).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
