//! Driving a page as a person does: reading, clicking, filling in and capturing.

use std::time::{Duration, Instant};

use eklavya_sandbox::Sandbox;
use eklavya_sandbox::browser::{BrowserError, BrowserSession, ElementLocator, ViewportSize};

use crate::browser_fixture::{BrowserFixture, NAME, preview_url};

const SHOP: &str = "<!doctype html><title>Shop</title><h1>Welcome</h1>\
<a href=/menu>The menu</a>\
<form action=/order><label for=who>Your name</label><input id=who name=who>\
<select name=size aria-label=Size><option>small<option>large</select>\
<input type=date name=day aria-label=Day>\
<button>Order</button></form>\
<button onclick=\"alert('hi'); document.title='greeted'\">Greet</button>\
<button disabled>Never</button>\
<button id=late onclick=\"setTimeout(() => document.body.append('at last'), 600)\">Wait</button>\
<div style='position:relative'><button id=under>Under</button><div id=over style='position:absolute;inset:0'></div></div>\
<button onclick=\"window.open('/menu')\">Window</button>\
<p style='margin-top:3000px'>The end</p><a href=/menu id=far>Far away</a>";

fn text_target(text: &str) -> ElementLocator {
    ElementLocator::Text(text.to_owned())
}

fn css_target(selector: &str) -> ElementLocator {
    ElementLocator::Selector(selector.to_owned())
}

async fn open_shop(scene: &BrowserFixture) -> BrowserSession {
    scene.server.serve_page("/", SHOP);
    scene
        .server
        .serve_page("/menu", "<title>Menu</title><p>Tea");
    scene
        .server
        .serve_page("/order", "<title>Ordered</title><p>Thanks");
    let browser = scene.browser().await;
    let place = browser.open(&preview_url("/")).await.unwrap();
    assert_eq!((place.title.as_str(), place.status), ("Shop", 200));
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_can_be_read_clicked_filled_and_captured() {
    let scene = BrowserFixture::new().await;
    let browser = open_shop(&scene).await;
    let page = browser.read_page().await.unwrap();
    assert!(page.text.contains("Welcome") && page.text.contains("The end"));
    assert_eq!(page.links[0].text, "The menu");
    assert_eq!(page.links[0].href, preview_url("/menu"));
    let names: Vec<&str> = page
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert!(
        names.starts_with(&["Your name", "Size", "Day", "Order"]),
        "{names:?}"
    );

    let (what, place) = browser.click(&text_target("the menu")).await.unwrap();
    assert!(what.starts_with("<a>"), "{what}");
    assert_eq!(place.title, "Menu");
    assert_eq!(browser.go_back().await.unwrap().title, "Shop");

    browser
        .fill(&text_target("Your name"), "Ada L", false)
        .await
        .unwrap();
    browser
        .fill(&text_target("Size"), "large", false)
        .await
        .unwrap();
    browser
        .fill(&text_target("Day"), "2026-02-03", false)
        .await
        .unwrap();
    let wrong = browser
        .fill(&text_target("Size"), "huge", false)
        .await
        .unwrap_err();
    assert!(wrong.to_string().contains("small, large"), "{wrong}");
    let (_, place) = browser
        .fill(&css_target("#who"), "Ada", true)
        .await
        .unwrap();
    assert_eq!(place.title, "Ordered");
    assert!(
        place.url.contains("who=Ada&size=large&day=2026-02-03"),
        "{}",
        place.url
    );

    browser.open("/").await.unwrap();
    browser.click(&css_target("#far")).await.unwrap();
    browser.go_back().await.unwrap();
    let picture = browser.screenshot(false).await.unwrap();
    assert_eq!((picture.width, picture.height), (1280, 800));
    let whole = browser.screenshot(true).await.unwrap();
    assert!(whole.height > 3000, "{}", whole.height);
    let small = ViewportSize {
        width: 400,
        height: 700,
    };
    browser.resize(small).await.unwrap();
    let picture = browser.screenshot(false).await.unwrap();
    assert_eq!((picture.width, picture.height), (400, 700));
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_on_unusable_elements_report_the_reason() {
    let scene = BrowserFixture::new().await;
    let browser = open_shop(&scene).await;
    for (target, words) in [
        (text_target("Nowhere"), "no element on the page contains"),
        (css_target("#nowhere"), "no element on the page matches"),
        (css_target("[[["), "no element on the page matches"),
        (text_target("Never"), "is disabled"),
        (css_target("#under"), "<div id=over> covers it"),
    ] {
        let error = browser.click(&target).await.unwrap_err();
        assert!(matches!(error, BrowserError::NotThere(_)), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = browser
        .fill(&text_target("Greet"), "x", false)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("is not an editable field"),
        "{error}"
    );
    let error = browser.press_key("F13").await.unwrap_err();
    assert!(error.to_string().contains("Enter, Tab"), "{error}");
    let error = browser.open(&preview_url("/none")).await;
    assert_eq!(error.unwrap().status, 404);
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dialogs_are_closed_windows_are_reported_and_late_elements_are_awaited() {
    let scene = BrowserFixture::new().await;
    let browser = open_shop(&scene).await;
    let (_, place) = browser.click(&text_target("Greet")).await.unwrap();
    assert_eq!(place.title, "greeted");
    let notices = browser.take_notices();
    assert!(
        notices[0].contains("dialog (alert)") && notices[0].ends_with(": hi"),
        "{notices:?}"
    );
    browser.click(&text_target("Window")).await.unwrap();
    let begun = Instant::now();
    let mut notices = Vec::new();
    while notices.is_empty() && begun.elapsed() < Duration::from_mins(1) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        notices = browser.take_notices();
    }
    assert!(notices[0].contains("another window"), "{notices:?}");
    browser.click(&css_target("#late")).await.unwrap();
    let within = Duration::from_mins(1);
    browser
        .wait_for(&text_target("at last"), within)
        .await
        .unwrap();
    let never = text_target("never seen");
    let waited = browser.wait_for(&never, Duration::from_secs(1)).await;
    assert!(waited.unwrap_err().to_string().contains("even after 1 s"));
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_refuses_to_start_without_a_sandbox() {
    let scene = BrowserFixture::new().await;
    let sandbox = Sandbox::unsandboxed(eklavya_testkit::program::eklavya_program());
    let refused = BrowserSession::start(&sandbox, scene.spec()).await;
    assert!(matches!(refused, Err(BrowserError::Unprotected)), "{NAME}");
}
