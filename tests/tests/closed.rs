//! A source is one file: whatever it names, nothing else is opened. Playlists, scripts and references of all kinds are
//! given under honest names and under the name of a video; each names a real video and a host that listens.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use cleanplate_tests::{binary, clips};

/// A video that must not be read, and a host that must not be asked.
struct Bait {
    folder: tempfile::TempDir,
    listener: TcpListener,
    secret: PathBuf,
}

impl Bait {
    fn laid() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let secret = clips::kept("128x72", 20, &clips::X264_PLAIN);
        Self { folder: tempfile::tempdir().unwrap(), listener, secret }
    }

    fn host(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    fn path(&self) -> &str {
        self.secret.to_str().unwrap()
    }

    /// Gives `bytes` as a source, which may be read for what is in it, and insists that nobody was asked.
    fn unasked(&self, name: &str, bytes: &[u8]) {
        let input = self.folder.path().join(name);
        fs::write(&input, bytes).unwrap();
        let ran = binary::run(["probe", text(&input)]);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!([Some(0), Some(3)].contains(&ran.status.code()), "{name}: {said}");
        let asked = self.listener.accept().unwrap_err();
        assert_eq!(asked.kind(), ErrorKind::WouldBlock, "{name} asked the host");
        fs::remove_file(&input).unwrap();
    }

    /// Gives `bytes` as a source called `name`, and insists that it is refused and nobody was asked.
    fn refused(&self, name: &str, bytes: &[u8]) {
        let input = self.folder.path().join(name);
        fs::write(&input, bytes).unwrap();
        let output = self.folder.path().join("out.mp4");
        for arguments in [
            vec!["run", text(&input), "-o", text(&output), "--detect", "none"],
            vec!["probe", text(&input)],
        ] {
            let ran = binary::run(&arguments);
            let said = String::from_utf8_lossy(&ran.stderr);
            assert_eq!(ran.status.code(), Some(3), "{name}: {said}");
            assert_eq!(said.lines().filter(|line| line.starts_with("error:")).count(), 1, "{said}");
            assert!(!output.exists(), "{name}");
        }
        let asked = self.listener.accept().unwrap_err();
        assert_eq!(asked.kind(), ErrorKind::WouldBlock, "{name} asked the host");
        fs::remove_file(&input).unwrap();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn playlists_and_scripts_read_nothing() {
    let bait = Bait::laid();
    let (host, path) = (bait.host(), bait.path());
    let hls = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://{host}/a.ts\n#EXTINF:5,\nfile://{path}\n#EXT-X-ENDLIST\n"
    );
    let master = format!(
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS=\"avc1.42e00a\"\nhttp://{host}/b.m3u8\n"
    );
    let concat = format!("ffconcat version 1.0\nfile '{path}'\nfile 'http://{host}/a.mp4'\n");
    let dash = format!(
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT5S\"><Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" \
         bandwidth=\"1\"><BaseURL>http://{host}/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
    );
    let sdp = format!(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {} RTP/AVP 96\n\
         a=rtpmap:96 H264/90000\n",
        bait.listener.local_addr().unwrap().port()
    );
    let smil = format!("<smil><body><video src=\"http://{host}/a.mp4\"/></body></smil>");
    let reference = format!("[Reference]\nRef1=http://{host}/a.asf\n");
    let ram = format!("rtsp://{host}/a.rm\nhttp://{host}/a.rm\n");
    let index = format!(
        "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 0\n# {path}\n"
    );
    for (name, contents) in [
        ("hls.m3u8", &hls),
        ("master.m3u8", &master),
        ("list.ffconcat", &concat),
        ("manifest.mpd", &dash),
        ("session.sdp", &sdp),
        ("show.smil", &smil),
        ("reference.asf", &reference),
        ("list.ram", &ram),
        ("subtitles.idx", &index),
    ] {
        bait.refused(name, contents.as_bytes());
        bait.refused("disguised.mp4", contents.as_bytes());
    }
}

#[test]
fn a_pattern_of_pictures_is_no_video() {
    let bait = Bait::laid();
    let pattern = bait.folder.path().join("frame%03d.png");
    clips::ffmpeg(&["-i", bait.path(), "-frames:v", "3", text(&pattern)]);
    let picture = fs::read(bait.folder.path().join("frame001.png")).unwrap();
    // A file of that very name is the picture that it is, and not what the pattern stands for.
    bait.refused("frame%03d.png", &picture);
    bait.refused("frame%03d.mp4", &picture);
}

#[test]
fn protocols_of_libav_are_no_places() {
    let bait = Bait::laid();
    let output = bait.folder.path().join("out.mp4");
    for input in [
        format!("concat:{0}|{0}", bait.path()),
        format!("subfile,,start,0,end,0,,:{}", bait.path()),
        format!("tcp://{}", bait.host()),
        format!("rtmp://{}/a", bait.host()),
        format!("async:http://{}/a.mp4", bait.host()),
        "data:video/mp4;base64,AAAA".to_owned(),
        "pipe:0".to_owned(),
        "lavfi:testsrc".to_owned(),
    ] {
        let ran = binary::run(["run", &input, "-o", text(&output), "--detect", "none"]);
        let status = ran.status.code().unwrap();
        assert!([2, 3].contains(&status), "{input}: {}", String::from_utf8_lossy(&ran.stderr));
        assert!(!output.exists());
    }
    assert_eq!(bait.listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Where a box stands and where it ends, by the names on the way to it.
fn find(bytes: &[u8], path: &[&[u8; 4]]) -> Vec<usize> {
    let (mut at, mut end, mut way) = (0, bytes.len(), Vec::new());
    'level: for name in path {
        while at + 8 <= end {
            let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            if &&bytes[at + 4..at + 8] == name {
                way.push(at);
                end = at + size;
                at += 8;
                continue 'level;
            }
            at += size.max(8);
        }
        panic!("no box {}", String::from_utf8_lossy(*name));
    }
    way
}

/// The record of a Macintosh alias: what a reference movie has where its media is in another file.
fn alias(path: &str) -> Vec<u8> {
    let mut record = vec![0; 150];
    // The name of the volume, and that of the file, each with its length before it.
    record[10] = 1;
    record[11] = b'/';
    record[50] = 4;
    record[51..55].copy_from_slice(b"file");
    for (kind, text) in [(2_u16, path), (18, path)] {
        record.extend(kind.to_be_bytes());
        record.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        record.extend(text.as_bytes());
        record.resize(record.len().next_multiple_of(2), 0);
    }
    record.extend(u16::MAX.to_be_bytes());
    record.extend([0, 0]);
    record
}

#[test]
fn a_movie_whose_media_is_elsewhere_stays_without() {
    let bait = Bait::laid();
    let movie = bait.folder.path().join("movie.mov");
    clips::ffmpeg(&["-i", bait.path(), "-an", "-c", "copy", text(&movie)]);
    let whole = fs::read(&movie).unwrap();
    fs::remove_file(&movie).unwrap();
    let way: [&[u8; 4]; 6] = [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"];
    let path = bait.path().to_owned();
    for (kind, body) in [
        (b"alis", alias(&path)),
        (b"url ", format!("file://{path}\0").into_bytes()),
        (b"url ", format!("http://{}/a.mov\0", bait.host()).into_bytes()),
        (b"rsrc", alias(&path)),
    ] {
        let mut bytes = whole.clone();
        let boxes = find(&bytes, &way);
        // The entry behind version, flags and count: its own size, name, version and flags.
        let entry = boxes[5] + 16;
        let old = u32::from_be_bytes(bytes[entry..entry + 4].try_into().unwrap()) as usize;
        let size = u32::try_from(12 + body.len()).unwrap();
        let new = [&size.to_be_bytes()[..], kind, &[0; 4], &body].concat();
        let grown = new.len() - old;
        bytes.splice(entry..entry + old, new);
        for at in boxes {
            let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
            let size = size + u32::try_from(grown).unwrap();
            bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
        }
        // An alias names the file that has the media. Other kinds are passed over: what is here is read.
        if kind == b"alis" {
            bait.refused("reference.mov", &bytes);
        } else {
            bait.unasked("reference.mov", &bytes);
        }
    }
    // A movie that is nothing but a reference to another one.
    let boxed = |name: &[u8; 4], body: &[u8]| {
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], name, body].concat()
    };
    let url = format!("http://{}/a.mov\0", bait.host());
    let length = u32::try_from(url.len()).unwrap().to_be_bytes();
    let reference = [&[0; 4][..], b"url ", &length, url.as_bytes()].concat();
    let movie = boxed(b"moov", &boxed(b"rmra", &boxed(b"rmda", &boxed(b"rdrf", &reference))));
    bait.refused("reference.mov", &movie);
}
