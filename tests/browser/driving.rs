//! What a person would do with a page.

use std::time::{Duration, Instant};

use eklavya_sandbox::Sandbox;
use eklavya_sandbox::browser::{Browser, BrowserError, Target, Viewport};

use crate::scene::{NAME, Scene, url};

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

fn text(text: &str) -> Target {
    Target::Text(text.to_owned())
}

fn css(selector: &str) -> Target {
    Target::Selector(selector.to_owned())
}

async fn shop(scene: &Scene) -> Browser {
    scene.server.page("/", SHOP);
    scene.server.page("/menu", "<title>Menu</title><p>Tea");
    scene
        .server
        .page("/order", "<title>Ordered</title><p>Thanks");
    let browser = scene.browser().await;
    let place = browser.open(&url("/")).await.unwrap();
    assert_eq!((place.title.as_str(), place.status), ("Shop", 200));
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_read_clicked_filled_and_pictured() {
    let scene = Scene::new().await;
    let browser = shop(&scene).await;
    let page = browser.read().await.unwrap();
    assert!(page.text.contains("Welcome") && page.text.contains("The end"));
    assert_eq!(page.links[0].text, "The menu");
    assert_eq!(page.links[0].href, url("/menu"));
    let names: Vec<&str> = page
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert!(
        names.starts_with(&["Your name", "Size", "Day", "Order"]),
        "{names:?}"
    );

    let (what, place) = browser.click(&text("the menu")).await.unwrap();
    assert!(what.starts_with("<a>"), "{what}");
    assert_eq!(place.title, "Menu");
    assert_eq!(browser.back().await.unwrap().title, "Shop");

    browser
        .fill(&text("Your name"), "Ada L", false)
        .await
        .unwrap();
    browser.fill(&text("Size"), "large", false).await.unwrap();
    browser
        .fill(&text("Day"), "2026-02-03", false)
        .await
        .unwrap();
    let wrong = browser
        .fill(&text("Size"), "huge", false)
        .await
        .unwrap_err();
    assert!(wrong.to_string().contains("small, large"), "{wrong}");
    let (_, place) = browser.fill(&css("#who"), "Ada", true).await.unwrap();
    assert_eq!(place.title, "Ordered");
    assert!(
        place.url.contains("who=Ada&size=large&day=2026-02-03"),
        "{}",
        place.url
    );

    browser.open("/").await.unwrap();
    browser.click(&css("#far")).await.unwrap();
    browser.back().await.unwrap();
    let picture = browser.screenshot(false).await.unwrap();
    assert_eq!((picture.width, picture.height), (1280, 800));
    let whole = browser.screenshot(true).await.unwrap();
    assert!(whole.height > 3000, "{}", whole.height);
    let small = Viewport {
        width: 400,
        height: 700,
    };
    browser.resize(small).await.unwrap();
    let picture = browser.screenshot(false).await.unwrap();
    assert_eq!((picture.width, picture.height), (400, 700));
    browser.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_named() {
    let scene = Scene::new().await;
    let browser = shop(&scene).await;
    for (target, words) in [
        (text("Nowhere"), "nothing on the page says"),
        (css("#nowhere"), "nothing on the page matches"),
        (css("[[["), "nothing on the page matches"),
        (text("Never"), "is disabled"),
        (css("#under"), "<div id=over> lies over it"),
    ] {
        let error = browser.click(&target).await.unwrap_err();
        assert!(matches!(error, BrowserError::NotThere(_)), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = browser.fill(&text("Greet"), "x", false).await.unwrap_err();
    assert!(error.to_string().contains("no field"), "{error}");
    let error = browser.press("F13").await.unwrap_err();
    assert!(error.to_string().contains("Enter, Tab"), "{error}");
    let error = browser.open(&url("/none")).await;
    assert_eq!(error.unwrap().status, 404);
    browser.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dialogs_windows_and_late_things_are_dealt_with() {
    let scene = Scene::new().await;
    let browser = shop(&scene).await;
    let (_, place) = browser.click(&text("Greet")).await.unwrap();
    assert_eq!(place.title, "greeted");
    let told = browser.take_notices();
    assert!(
        told[0].contains("dialog (alert)") && told[0].ends_with(": hi"),
        "{told:?}"
    );
    browser.click(&text("Window")).await.unwrap();
    let begun = Instant::now();
    let mut told = Vec::new();
    while told.is_empty() && begun.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        told = browser.take_notices();
    }
    assert!(told[0].contains("another window"), "{told:?}");
    browser.click(&css("#late")).await.unwrap();
    let within = Duration::from_secs(10);
    browser.wait_for(&text("at last"), within).await.unwrap();
    let never = text("never seen");
    let waited = browser.wait_for(&never, Duration::from_secs(1)).await;
    assert!(waited.unwrap_err().to_string().contains("even after 1 s"));
    browser.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sandbox_there_is_no_browser() {
    let scene = Scene::new().await;
    let sandbox = Sandbox::none(env!("CARGO_BIN_EXE_eklavya").into());
    let refused = Browser::start(&sandbox, scene.spec()).await;
    assert!(matches!(refused, Err(BrowserError::Unprotected)), "{NAME}");
}
