//! The link between the relay outside and `sandbox-init` in a container: a unix socket in a directory
//! that is mounted there.
//!
//! The relay first sends the standard streams and the configuration as descriptors, then signals;
//! `sandbox-init` sends the exit code. Neither the program's streams nor its environment pass through
//! the engine. An open link shows that the relay lives: the kernel closes it however the relay ends,
//! and the container ends with it.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

/// The directory of the socket in the container.
pub(crate) const DIRECTORY: &str = "/run/eklavya";
/// The socket in that directory.
pub(crate) const SOCKET: &str = "link.sock";

/// To the relay: the mounts are the expected ones, and the program is about to start.
pub(crate) const STARTED: u8 = b'S';
/// To the relay, followed by the exit code: the program has ended.
pub(crate) const ENDED: u8 = b'E';
/// To the container: the message that carries the descriptors.
const DESCRIPTORS: u8 = b'H';

/// The number of descriptors: stdin, stdout, stderr, the configuration.
pub(crate) const COUNT: usize = 4;

/// The descriptors that the relay sends.
#[derive(Debug)]
pub(crate) struct ReceivedFds {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    /// The words of the configuration, each ended by NUL.
    pub config: OwnedFd,
}

/// Sends descriptors in the order of the fields of [`ReceivedFds`].
pub(crate) fn send_fds(link: impl AsFd, fds: [BorrowedFd<'_>; COUNT]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(COUNT))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let text = [DESCRIPTORS];
    rustix::net::sendmsg(
        link,
        &[IoSlice::new(&text)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// Receives what [`send_fds`] sent.
pub(crate) fn receive_fds(link: impl AsFd) -> io::Result<ReceivedFds> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(COUNT))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut text = [0];
    let mut slices = [IoSliceMut::new(&mut text)];
    rustix::net::recvmsg(link, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds: Vec<OwnedFd> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            fds.extend(received);
        }
    }
    let [stdin, stdout, stderr, config] =
        <[OwnedFd; COUNT]>::try_from(fds).map_err(|_| io::Error::other("the relay has ended"))?;
    Ok(ReceivedFds {
        stdin,
        stdout,
        stderr,
        config,
    })
}

/// Reads words, each of which ends with NUL.
pub(crate) fn read_words(text: OwnedFd) -> io::Result<Vec<std::ffi::OsString>> {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::new();
    File::from(text).read_to_end(&mut bytes)?;
    let mut words: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .map(|word| std::ffi::OsString::from_vec(word.to_vec()))
        .collect();
    // Nothing follows the last NUL.
    words.pop();
    Ok(words)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn descriptors_are_received_in_the_order_in_which_they_are_sent() {
        let (one, other) = UnixStream::pair().unwrap();
        let files: Vec<File> = (0..COUNT)
            .map(|number| {
                let mut file = tempfile::tempfile().unwrap();
                write!(file, "{number}\0").unwrap();
                std::io::Seek::rewind(&mut file).unwrap();
                file
            })
            .collect();
        let fds = [0, 1, 2, 3].map(|index| files[index].as_fd());
        send_fds(&one, fds).unwrap();
        let received = receive_fds(&other).unwrap();
        let received = [
            received.stdin,
            received.stdout,
            received.stderr,
            received.config,
        ];
        for (number, fd) in received.into_iter().enumerate() {
            assert_eq!(read_words(fd).unwrap(), [number.to_string().as_str()]);
        }
    }

    #[test]
    fn receiving_from_an_ended_relay_is_an_error() {
        let (one, other) = UnixStream::pair().unwrap();
        drop(one);
        assert!(receive_fds(&other).is_err());
    }
}
