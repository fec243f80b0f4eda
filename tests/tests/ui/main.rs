//! The dashboard of a real coordinator: by plain requests, for what its door and its policy promise, and in a real
//! browser, for what a person does with it. Pictures of its pages are kept in `build/screenshots/`.

mod browser;
mod doors;

use std::path::PathBuf;

use browser::Browser;
use cleanplate_tests::binary::repository;
use cleanplate_tests::clips;
use cleanplate_tests::cluster::Cluster;

/// A window as people have it.
const DESK: (u32, u32) = (1360, 900);

fn picture(name: &str) -> PathBuf {
    repository().join("build/screenshots").join(format!("{name}.png"))
}

/// Whether this machine has a browser; says why it is skipped where it has none.
fn has_browser() -> bool {
    match browser::missing() {
        None => true,
        Some(reason) => {
            println!("skipped: {reason}");
            false
        }
    }
}

#[tokio::test]
async fn jobs_are_watched_cancelled_and_tried_again_without_anything_moving() {
    if !has_browser() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let clip = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let hostile = r#"<script>document.title="run"</script><img src=x onerror=alert(1)>"#;
    let options = ["--region", "20,20,120,50", "--encoder", "libx264", "--preset", "ultrafast"];
    let output = |name: &str| folder.path().join(name).display().to_string();
    let mut jobs = Vec::new();
    for at in 0..6 {
        let mut options = options.to_vec();
        if at == 2 {
            options.extend(["--owner", hostile]);
        }
        jobs.push(cluster.submit(clip.to_str().unwrap(), &output(&format!("{at}.mp4")), &options));
    }
    let browser = Browser::open(DESK, false).await;
    browser.go(&cluster.url()).await;
    browser.wait_for("table.jobs").await;
    assert!(browser.at().await.ends_with("/ui/jobs"));
    let title = browser.run("return document.title;").await;
    assert_eq!(title, "Jobs – cleanplate", "a job's owner is no script");
    assert!(browser.text("table.jobs").await.contains("<script>document.title"), "and is shown");

    browser.watch_shifts().await;
    let row = |at: usize| format!("tr[data-job=\"{}\"]", jobs[at]);
    let phase = |at: usize, word: &str| {
        let cell = format!("{} [data-is=phase]", row(at));
        format!("return document.querySelector({cell:?}).textContent === {word:?};")
    };
    cluster.start_worker(1);
    browser.until("the first job is done", &phase(0, "done")).await;
    browser
        .until(
            "the totals follow",
            "return +document.querySelector('[data-total=done]').textContent >= 1;",
        )
        .await;
    assert_eq!(browser.shifts().await, 0.0, "nothing moves by itself");
    browser.picture(&picture("jobs-light")).await;

    for at in [1, 3] {
        cluster.watch_until(&jobs[at], |_| false);
    }
    let last = cluster.submit(clip.to_str().unwrap(), &output("last.mp4"), &options);
    cluster.kill_worker(0);
    browser.go(&format!("{}/ui/jobs?state=running", cluster.url())).await;
    browser.go(&format!("{}/ui/jobs", cluster.url())).await;
    let cancel = format!("tr[data-job=\"{last}\"] [data-verb=cancel] button");
    browser.click(&cancel).await;
    let retry = format!("tr[data-job=\"{last}\"] [data-verb=retry]:not([hidden]) button");
    browser.wait_for(&retry).await;
    browser.picture(&picture("jobs-cancelled")).await;
    browser.click(&retry).await;
    browser.wait_for(&format!("tr[data-job=\"{last}\"] [data-verb=cancel]:not([hidden])")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    let dark = Browser::open(DESK, true).await;
    dark.go(&format!("{}/ui/jobs", cluster.url())).await;
    dark.wait_for("table.jobs").await;
    let ground =
        dark.run("return getComputedStyle(document.documentElement).backgroundColor;").await;
    assert_eq!(ground, "rgb(17, 23, 22)", "dark is dark");
    dark.picture(&picture("jobs-dark")).await;
    dark.resize(500, 900).await;
    dark.go(&format!("{}/ui/jobs", cluster.url())).await;
    dark.wait_for("table.jobs").await;
    dark.picture(&picture("jobs-narrow")).await;
    let wide = dark.run("return document.documentElement.scrollWidth <= innerWidth;").await;
    assert_eq!(wide, true, "a narrow window needs no scrolling sideways");
    names_are_read_at_each_width(&dark).await;
    assert_eq!(dark.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_job_is_drawn_submitted_watched_compared_and_approved() {
    if !has_browser() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    let clip = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let output = folder.path().join("out.mp4");
    let browser = Browser::open(DESK, false).await;
    let page = |path: &str| format!("{}{path}", cluster.url());
    browser.go(&page("/ui/submit")).await;
    browser.type_into("#input", clip.to_str().unwrap()).await;
    browser.type_into("#output", folder.path().join("none/out.mp4").to_str().unwrap()).await;
    browser.click("#glimpse").await;
    a_frame_is_shown(&browser).await;
    browser.click("main button[type=submit]").await;
    browser.wait_for("[role=alert]").await;
    a_frame_is_shown(&browser).await;
    let size = browser
        .run("return ['wide', 'high'].map((it) => document.getElementById(it).value).join();")
        .await;
    assert_eq!(size, "320,180", "the form that comes back has the size that was sent");
    assert_eq!(browser.text("#told").await, "There is no region yet.");
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|it| it.contains("/ui/submit")), "{complaints:?}");
    browser.type_into("#output", output.to_str().unwrap()).await;
    browser.drag("#stage", (100, 100), (400, 400)).await;
    browser.drag("#stage", (500, 500), (700, 700)).await;
    let lines = browser.run("return document.getElementById('regions').value;").await;
    let lines: Vec<&str> = lines.as_str().unwrap().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let numbers: Vec<u32> = lines[0].split(',').map(|it| it.parse().unwrap()).collect();
    for (found, wanted) in numbers.iter().zip([32, 18, 96, 54]) {
        assert!(found.abs_diff(wanted) <= 2, "{lines:?}");
    }
    browser.picture(&picture("submit")).await;
    let looks = browser.run("return document.getElementById('detect-static').checked;").await;
    assert_eq!(looks, false, "who draws something has nothing else looked for");
    browser.run("for (const [at, value] of [['fill', 'membrane'], ['encoder', 'libx264'], ['review', 'wait']]) document.getElementById(at).value = value;").await;
    browser.click("main button[type=submit]").await;
    browser
        .until("the page of the job", "return location.pathname.startsWith('/ui/jobs/job-');")
        .await;
    browser
        .until(
            "it waits for a person",
            "return document.querySelector('[data-is=phase]').textContent === 'review';",
        )
        .await;
    browser.wait_for("input[name=remove]").await;
    browser.wait_for(".compare input:not([hidden])").await;
    browser.run("const it = document.querySelector('.compare input'); it.value = 20; it.dispatchEvent(new Event('input', { bubbles: true }));").await;
    let cut =
        browser.run("return document.querySelector('.compare [data-upper]').style.clipPath;").await;
    assert!(cut.as_str().unwrap().contains("80%"), "{cut}");
    let edge = browser.run("return document.querySelector('.compare .edge').style.left;").await;
    assert_eq!(edge, "20%", "the line stands where the pictures meet");
    browser.until("its pictures are there", "for (const it of document.images) it.loading = 'eager'; return [...document.images].every((it) => it.complete && it.naturalWidth > 0);").await;
    browser.picture(&picture("review")).await;
    browser.click("#overlay-1").await;
    browser.click("form[action$=approve] button").await;
    browser
        .until(
            "it is done",
            "return document.querySelector('[data-is=phase]').textContent === 'done';",
        )
        .await;
    browser.wait_for("svg.timeline rect").await;
    assert!(output.is_file());
    let job = browser.at().await.rsplit('/').next().unwrap().to_owned();
    let state = cluster.show(&job)["state"].clone();
    assert_eq!(state["overlays"][1]["frames"], 0, "the one that was left in stays: {state}");
    browser
        .until(
            "the page tells how it ended",
            "return document.body.textContent.includes('How it ended');",
        )
        .await;
    browser.picture(&picture("done")).await;
    browser.click("details summary").await;
    browser.wait_for("details[open] table.trail").await;
    browser.run("document.querySelector('svg.timeline').scrollIntoView();").await;
    browser.picture(&picture("attempts")).await;

    browser.go(&page("/ui/fleet")).await;
    browser.picture(&picture("fleet")).await;
    browser.click("tr[data-worker=worker-0] form button").await;
    browser.until("it drains", "return document.querySelector('tr[data-worker=worker-0] .chip')?.textContent !== 'attached';").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// Waits until the frame of a clip of 320 by 180 is on the canvas.
async fn a_frame_is_shown(browser: &Browser) {
    browser.until("a frame is shown", "return document.querySelector('[data-draw] canvas').width === 320 && document.getElementById('seen').value !== '' && !document.getElementById('glimpse').disabled;").await;
    // Read from a copy: the browser complains of a canvas that is read again and again.
    let painted = "const it = document.querySelector('[data-draw] canvas'); const to = new OffscreenCanvas(it.width, it.height).getContext('2d', { willReadFrequently: true }); to.drawImage(it, 0, 0); return new Set(to.getImageData(0, 0, it.width, it.height).data).size > 32;";
    browser.until("it is painted", painted).await;
}

#[tokio::test]
async fn a_job_is_submitted_and_cancelled_by_keyboard_alone() {
    if !has_browser() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let browser = Browser::open(DESK, false).await;
    browser.go(&format!("{}/ui/submit", cluster.url())).await;
    browser.press(&[TAB]).await;
    let first = browser.run("return document.activeElement.textContent;").await;
    assert_eq!(first, "Skip to the content", "the first stop leads past the navigation");
    tab_to(&browser, "#input").await;
    let input = folder.path().join("in.mp4").display().to_string();
    let output = folder.path().join("out.mp4").display().to_string();
    let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    let typed = letters(&input);
    browser.press(&typed.iter().map(String::as_str).collect::<Vec<_>>()).await;
    browser.press(&[TAB]).await;
    let typed = letters(&output);
    browser.press(&typed.iter().map(String::as_str).collect::<Vec<_>>()).await;
    tab_to(&browser, "#stage").await;
    browser.press(&[ENTER, RIGHT, RIGHT, DOWN]).await;
    let lines = browser.run("return document.getElementById('regions').value;").await;
    assert_eq!(lines, "770,433,384,216", "a region in the middle, moved");
    assert!(browser.text("#told").await.contains("384 by 216 at 770, 433"), "and told");
    let outlined =
        browser.run("return getComputedStyle(document.activeElement).outlineStyle;").await;
    assert_eq!(outlined, "solid", "where the focus is can be seen");
    tab_to(&browser, "button.primary").await;
    browser.press(&[ENTER]).await;
    browser
        .until("the page of the job", "return location.pathname.startsWith('/ui/jobs/job-');")
        .await;
    tab_to(&browser, "form[action$=cancel] button").await;
    browser.press(&[ENTER]).await;
    browser
        .until(
            "it is cancelled",
            "return document.querySelector('[data-is=phase]').textContent === 'cancelled';",
        )
        .await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// The end of a file's name is in sight in a window of any width, and what is short of it is left out.
async fn names_are_read_at_each_width(browser: &Browser) {
    let script = "return [...document.querySelectorAll('table.jobs .tail')].every((tail) => { \
                  const [it, line] = [tail, tail.parentElement].map((one) => one.getBoundingClientRect()); \
                  return line.width >= 150 && it.left >= line.left && it.right <= line.right + 1; });";
    for width in [500, 960, 1024, 1200, 1366, 1920] {
        browser.resize(width, 900).await;
        browser.until(&format!("names are read at {width}"), script).await;
    }
    let name = browser.text("table.jobs tbody tr .places .place:last-child .tail").await;
    assert!(name.ends_with("/last.mp4"), "the newest job's output: {name}");
}

/// Keys, as the driver names them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const RIGHT: &str = "\u{e014}";
const DOWN: &str = "\u{e015}";

/// Goes on by Tab until the focus is there.
async fn tab_to(browser: &Browser, selector: &str) {
    for _ in 0..60 {
        let script = format!("return document.activeElement?.matches({selector:?}) ?? false;");
        if browser.run(&script).await == true {
            return;
        }
        browser.press(&[TAB]).await;
    }
    panic!("no way to {selector} by Tab");
}
