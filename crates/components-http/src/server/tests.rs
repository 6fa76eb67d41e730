//! Clients that neither send nor leave, and those that send what nobody reads.

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::Body;

/// More than what buffers of sockets and windows of HTTP/2 hold.
const LONG: usize = 8 << 20;

/// Answers when the body is there.
struct Echo;

#[async_trait::async_trait]
impl Handler for Echo {
    async fn handle(
        &self,
        request: Request<RequestBody>,
        _: Params,
        _: &Arc<Peer>,
    ) -> Response<Body> {
        match read_body(request.into_body(), 100).await {
            Ok(body) => json(StatusCode::OK, body),
            Err(reason) => text(StatusCode::PAYLOAD_TOO_LARGE, reason),
        }
    }
}

fn echo() -> (Arc<Routes>, Route) {
    let routes = Arc::new(Routes::default());
    let route = routes.add("/echo", "An echo.", Arc::new(Echo)).unwrap();
    (routes, route)
}

async fn serve(routes: Arc<Routes>, limits: Limits) -> Server {
    let options = ServerOptions {
        field: "address",
        address: "127.0.0.1:0",
        cert_file: "",
        key_file: "",
        cors: None,
        access: None,
        limits,
    };
    Server::start(options, routes).await.unwrap()
}

#[tokio::test]
async fn a_client_that_neither_sends_nor_leaves_loses_its_place_at_the_age_of_its_connection() {
    let (routes, _route) = echo();
    let limits = Limits {
        connections: 1,
        age: Some(Duration::from_millis(100)),
    };
    let server = serve(routes, limits).await;
    let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n";
    // One is silent from the start, one in the middle of its body.
    for part in ["", "a"] {
        let mut slow = TcpStream::connect(server.address()).await.unwrap();
        if !part.is_empty() {
            let begun = format!("{head}{part}");
            slow.write_all(begun.as_bytes()).await.unwrap();
        }
        let mut waiting = TcpStream::connect(server.address()).await.unwrap();
        let whole = format!("{head}abc");
        waiting.write_all(whole.as_bytes()).await.unwrap();
        let mut answer = String::new();
        waiting.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
        let mut rest = Vec::new();
        // It is closed in one way or another.
        let _ = slow.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{rest:?}");
    }
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_sees_why_it_is_refused() {
    let (routes, _route) = echo();
    let server = serve(routes, Limits::default()).await;
    for (path, status) in [("/nowhere", "404"), ("/echo", "413")] {
        let mut client = TcpStream::connect(server.address()).await.unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LONG}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![b'x'; LONG]).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
}

/// A frame of HTTP/2 (RFC 9113, 4.1).
#[derive(Debug, PartialEq)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u8,
    payload: Vec<u8>,
}

impl Frame {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const ACK: u8 = 1;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;

    fn new(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Self {
        let payload = payload.to_vec();
        Self {
            kind,
            flags,
            stream,
            payload,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let length = (self.payload.len() as u32).to_be_bytes();
        let head = [self.kind, self.flags, 0, 0, 0, self.stream];
        [&length[1..], &head, &self.payload].concat()
    }

    async fn read(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> Self {
        let mut head = [0; 9];
        from.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        from.read_exact(&mut payload).await.unwrap();
        Self::new(head[3], head[4], head[8], &payload)
    }

    /// The frame that ends a stream; none is reset before it.
    async fn read_until_end(from: &mut (impl tokio::io::AsyncRead + Unpin), stream: u8) -> Self {
        loop {
            let frame = Self::read(from).await;
            assert_ne!(frame.kind, Self::RST_STREAM, "{frame:?}");
            let may_end = matches!(frame.kind, Self::DATA | Self::HEADERS);
            if may_end && frame.stream == stream && frame.flags & Self::END_STREAM != 0 {
                return frame;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_whose_body_nobody_reads_has_its_answer_and_may_send_its_rest() {
    let (routes, _route) = echo();
    let gate = Arc::new(Gate {
        routes,
        cors: None,
        access: None,
    });
    let (mut client, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move {
        let peer = Arc::new(Peer::plain(([127, 0, 0, 1], 1).into()));
        let life = Life {
            serving: CancellationToken::new(),
            age: None,
        };
        serve_http2(far, gate, peer, &life).await;
    });
    client
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    // POST, http, and names by their numbers in the table of HPACK: path, authority, content-length.
    let headers = b"\x83\x86\x04\x05/echo\x01\x01h\x0f\x0d\x06300000";
    let data = |flags| Frame::new(Frame::DATA, flags, 1, &[b'x'; 10_000]);
    let settings = Frame::new(Frame::SETTINGS, 0, 0, &[]);
    client.write_all(&settings.to_bytes()).await.unwrap();
    // Its windows are as wide as it says from the acknowledgement on.
    let of_server = Frame::read(&mut client).await;
    assert_eq!(of_server.kind, Frame::SETTINGS);
    for frame in [
        Frame::new(Frame::SETTINGS, Frame::ACK, 0, &[]),
        Frame::new(Frame::HEADERS, Frame::END_HEADERS, 1, headers),
        data(0),
    ] {
        client.write_all(&frame.to_bytes()).await.unwrap();
    }
    let answer = Frame::read_until_end(&mut client, 1).await;
    let answer = String::from_utf8_lossy(&answer.payload);
    assert!(answer.contains("longer than 100 bytes"), "{answer}");
    for number in 2..=30 {
        let flags = if number == 30 { Frame::END_STREAM } else { 0 };
        client.write_all(&data(flags).to_bytes()).await.unwrap();
    }
    let flags = Frame::END_HEADERS | Frame::END_STREAM;
    let headers = b"\x83\x86\x04\x05/echo\x01\x01h";
    let next = Frame::new(Frame::HEADERS, flags, 3, headers);
    client.write_all(&next.to_bytes()).await.unwrap();
    Frame::read_until_end(&mut client, 3).await;
}
