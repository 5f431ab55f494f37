//! The last words on a connection.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// For all of it.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes thrown away meanwhile.
const MAX_DISCARDED: usize = 4 << 20;

/// Says `words`, ends our half, and reads on until the client has ended its own: closing at once
/// would reset the connection under an answer that is still on its way.
pub(crate) async fn say<S>(stream: &mut S, words: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _ = tokio::time::timeout(FAREWELL, async {
        stream.write_all(words).await?;
        stream.shutdown().await?;
        let mut scratch = [0; 4 << 10];
        let mut discarded = 0;
        while discarded < MAX_DISCARDED {
            match stream.read(&mut scratch).await? {
                0 => break,
                read => discarded += read,
            }
        }
        io::Result::Ok(())
    })
    .await;
}
