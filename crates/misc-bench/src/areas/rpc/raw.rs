//! The limit: bytes on a connection, and no protocol to speak of.
//!
//! A question is a number, an answer that number and two texts, each behind its length.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{caller::Caller, user::User};
use crate::Error;

pub(super) const NAME: &str = "raw";

const NUMBER: usize = size_of::<u64>();

pub(super) async fn serve(listener: TcpListener) -> Result<(), Error> {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> Result<(), Error> {
    let (mut question, mut answer) = ([0; NUMBER], Vec::new());
    loop {
        stream.read_exact(&mut question).await?;
        answer.clear();
        write(&User::find(u64::from_le_bytes(question)), &mut answer);
        stream.write_all(&answer).await?;
    }
}

fn write(user: &User, answer: &mut Vec<u8>) {
    answer.extend_from_slice(&user.id.to_le_bytes());
    for text in [&user.name, &user.email] {
        answer.extend_from_slice(&(text.len() as u64).to_le_bytes());
        answer.extend_from_slice(text.as_bytes());
    }
}

/// Reads a whole user from the beginning of what has come so far.
fn read(mut answer: &[u8]) -> Result<Option<User>, Error> {
    let mut number = || {
        let (number, rest) = answer.split_first_chunk()?;
        answer = rest;
        Some(u64::from_le_bytes(*number))
    };
    let Some(id) = number() else { return Ok(None) };
    let mut texts = [const { String::new() }; 2];
    for text in &mut texts {
        let Some((length, rest)) = answer.split_first_chunk::<NUMBER>() else { return Ok(None) };
        let length = usize::try_from(u64::from_le_bytes(*length))?;
        let Some((bytes, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        str::from_utf8(bytes)?.clone_into(text);
        answer = rest;
    }
    let [name, email] = texts;
    Ok(Some(User { id, name, email }))
}

pub(super) struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(256) })
    }
}

impl Caller for Client {
    async fn get_user(&mut self, id: u64) -> Result<User, Error> {
        self.stream.write_all(&id.to_le_bytes()).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the server closed the connection before its answer was there".into());
            }
            if let Some(user) = read(&self.answer)? {
                return Ok(user);
            }
        }
    }
}
