//! Answering what a page does on its own: dialogs, windows, crashes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::cdp::{Connection, Event};
use super::page::clip;

/// How long the browser may take to answer.
const ANSWER: Duration = Duration::from_secs(15);
/// The most notices that wait to be told.
const MAX_NOTICES: usize = 20;

/// What happened beside what was asked for, for whoever drives the browser.
pub(super) type Notices = Arc<Mutex<VecDeque<String>>>;

/// Answers what a page does on its own: dialogs, windows.
pub(super) struct Warden {
    /// The browser.
    pub connection: Arc<Connection>,
    /// The session with the page, and the page itself.
    pub session: String,
    pub target: String,
    /// Whether the page is being loaded.
    pub loading: watch::Sender<bool>,
    /// What is to be told.
    pub notices: Notices,
}

impl Warden {
    /// Answers until the browser is gone.
    pub(super) async fn watch(self, mut events: mpsc::Receiver<Event>) {
        while let Some(event) = events.recv().await {
            self.hear(&event).await;
        }
    }

    async fn hear(&self, event: &Event) {
        let own = event.session.as_deref() == Some(&self.session);
        let of_page = own && field(&event.params, "frameId") == self.target;
        match event.method.as_str() {
            "Page.frameStartedLoading" if of_page => {
                self.loading.send_replace(true);
            }
            "Page.frameStoppedLoading" if of_page => {
                self.loading.send_replace(false);
            }
            "Page.javascriptDialogOpening" if own => self.dismiss(&event.params).await,
            "Target.targetCreated" => self.close(&event.params).await,
            "Target.targetCrashed" if field(&event.params, "targetId") == self.target => {
                self.loading.send_replace(false);
                self.note("the page crashed".to_owned());
            }
            _ => {}
        }
    }

    /// A dialog holds everything up. Nobody is there to answer; leaving a page is allowed.
    async fn dismiss(&self, dialog: &Value) {
        let kind = field(dialog, "type");
        let accept = kind == "beforeunload";
        let message = clip(field(dialog, "message"), 300);
        self.note(format!(
            "the page showed a dialog ({}), which was dismissed: {message}",
            clip(kind, 20)
        ));
        let params = json!({ "accept": accept });
        self.call(Some(&self.session), "Page.handleJavaScriptDialog", params)
            .await;
    }

    /// There is one page; whatever else opens is closed.
    async fn close(&self, created: &Value) {
        let info = created.get("targetInfo").unwrap_or(&Value::Null);
        let target = field(info, "targetId");
        if field(info, "type") != "page" || target == self.target {
            return;
        }
        // The page with which the browser began is nobody's doing.
        if !field(info, "openerId").is_empty() {
            let url = clip(field(info, "url"), 300);
            self.note(format!(
                "the page opened another window, which was closed; open it with browser_open: {url}"
            ));
        }
        let params = json!({ "targetId": target });
        self.call(None, "Target.closeTarget", params).await;
    }

    /// The page may be gone before it is done.
    async fn call(&self, session: Option<&str>, method: &str, params: Value) {
        let what = "answering the page";
        let called = self
            .connection
            .call(session, (method, what), params, ANSWER);
        let _ = called.await;
    }

    fn note(&self, text: String) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() < MAX_NOTICES {
            notices.push_back(text);
        }
    }
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
