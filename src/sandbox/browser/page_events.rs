//! Handling what a page does on its own: dialogs, windows, crashes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::cdp::{CdpConnection, CdpEvent};
use super::page::truncate_chars;

/// How long the browser may take to respond.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// The notices that are kept at most.
const MAX_NOTICES: usize = 20;

/// Events that the agent did not request, as sentences for the agent.
pub(crate) type PageNotices = Arc<Mutex<VecDeque<String>>>;

/// Handles the events of a page.
pub(super) struct PageEvents {
    pub connection: Arc<CdpConnection>,
    /// The session with the page.
    pub session: String,
    /// The page.
    pub target: String,
    /// Whether the page is being loaded.
    pub loading: watch::Sender<bool>,
    pub notices: PageNotices,
}

impl PageEvents {
    /// Handles events until the browser ends.
    pub(super) async fn run(self, mut events: mpsc::Receiver<CdpEvent>) {
        while let Some(event) = events.recv().await {
            self.handle_event(&event).await;
        }
    }

    async fn handle_event(&self, event: &CdpEvent) {
        let own = event.session.as_deref() == Some(&self.session);
        let of_page = own && string_field(&event.params, "frameId") == self.target;
        match event.method.as_str() {
            "Page.frameStartedLoading" if of_page => {
                self.loading.send_replace(true);
            }
            "Page.frameStoppedLoading" if of_page => {
                self.loading.send_replace(false);
            }
            "Page.javascriptDialogOpening" if own => self.dismiss_dialog(&event.params).await,
            "Target.targetCreated" => self.close_window(&event.params).await,
            "Target.targetCrashed" if string_field(&event.params, "targetId") == self.target => {
                self.loading.send_replace(false);
                self.add_notice("the page crashed".to_owned());
            }
            _ => {}
        }
    }

    /// Dismisses a dialog, which blocks the page; leaving a page is confirmed.
    async fn dismiss_dialog(&self, dialog: &Value) {
        let kind = string_field(dialog, "type");
        let accept = kind == "beforeunload";
        let message = truncate_chars(string_field(dialog, "message"), 300);
        self.add_notice(format!(
            "the page showed a dialog ({}), which was dismissed: {message}",
            truncate_chars(kind, 20)
        ));
        let params = json!({ "accept": accept });
        self.call(Some(&self.session), "Page.handleJavaScriptDialog", params)
            .await;
    }

    /// Closes every page other than the agent's one page.
    async fn close_window(&self, created: &Value) {
        let info = created.get("targetInfo").unwrap_or(&Value::Null);
        let target = string_field(info, "targetId");
        if string_field(info, "type") != "page" || target == self.target {
            return;
        }
        // The browser itself opened the page without an opener at its start.
        if !string_field(info, "openerId").is_empty() {
            let url = truncate_chars(string_field(info, "url"), 300);
            self.add_notice(format!(
                "the page opened another window, which was closed; open it with browser_open: {url}"
            ));
        }
        let params = json!({ "targetId": target });
        self.call(None, "Target.closeTarget", params).await;
    }

    /// Ignores errors: the page may close at any moment.
    async fn call(&self, session: Option<&str>, method: &str, params: Value) {
        let what = "handling an event of the page";
        let called = self
            .connection
            .call(session, (method, what), params, RESPONSE_TIMEOUT);
        let _ = called.await;
    }

    fn add_notice(&self, text: String) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() < MAX_NOTICES {
            notices.push_back(text);
        }
    }
}

fn string_field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
