//! The line between the relay outside and `sandbox-init` in the container: a unix socket in a
//! directory that is mounted there.
//!
//! Over it go, once, the standard streams and the order as descriptors; then signals inwards and
//! the exit code outwards. Neither the program's streams nor its environment pass through the
//! engine. Its end is the sign of life: the kernel closes it whatever the relay dies of, and the
//! container ends with it.

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
/// The socket in it.
pub(crate) const SOCKET: &str = "link.sock";

/// Outwards: the mounts are as they should be.
pub(crate) const STANDS: u8 = b'S';
/// Outwards, followed by the exit code: the program has ended.
pub(crate) const ENDED: u8 = b'E';
/// Inwards: here are the descriptors.
const HANDS_OVER: u8 = b'H';

/// Descriptors that are handed over: stdin, stdout, stderr, the order.
pub(crate) const COUNT: usize = 4;

/// What is handed over.
#[derive(Debug)]
pub(crate) struct ReceivedFds {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    pub order: OwnedFd,
}

/// Sends descriptors, in the order of [`Handed`].
pub(crate) fn send_fds(link: impl AsFd, fds: [BorrowedFd<'_>; COUNT]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(COUNT))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let text = [HANDS_OVER];
    rustix::net::sendmsg(
        link,
        &[IoSlice::new(&text)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// Receives what [`hand_over`] sent.
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
    let [stdin, stdout, stderr, order] =
        <[OwnedFd; COUNT]>::try_from(fds).map_err(|_| io::Error::other("the relay is gone"))?;
    Ok(ReceivedFds {
        stdin,
        stdout,
        stderr,
        order,
    })
}

/// Reads words that [`super::super::handover`] wrote, each of which ends with NUL.
pub(crate) fn read_words(text: OwnedFd) -> io::Result<Vec<std::ffi::OsString>> {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::new();
    File::from(text).read_to_end(&mut bytes)?;
    let mut words: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .map(|word| std::ffi::OsString::from_vec(word.to_vec()))
        .collect();
    // What follows the last NUL is nothing.
    words.pop();
    Ok(words)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn descriptors_arrive_in_their_order() {
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
        let handed = receive_fds(&other).unwrap();
        for (number, fd) in [handed.stdin, handed.stdout, handed.stderr, handed.order]
            .into_iter()
            .enumerate()
        {
            assert_eq!(read_words(fd).unwrap(), [number.to_string().as_str()]);
        }
    }

    #[test]
    fn a_relay_that_is_gone_hands_nothing_over() {
        let (one, other) = UnixStream::pair().unwrap();
        drop(one);
        assert!(receive_fds(&other).is_err());
    }
}
