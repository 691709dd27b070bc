//! The JSON-RPC side of a tool server: one message in, at most one message out.

use serde_json::{Value, json};

use super::{SERVER_NAME, ToolDescription, ToolReply, ToolServer};

/// The protocol version that is offered if the client names none.
const PROTOCOL_VERSION: &str = "2025-11-25";
/// JSON-RPC: the method does not exist.
const METHOD_NOT_FOUND: i64 = -32601;
/// JSON-RPC: the parameters are wrong.
const INVALID_PARAMS: i64 = -32602;
/// JSON-RPC: the message is not a valid request.
const INVALID_REQUEST: i64 = -32600;

/// The result of [`answer_message`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RpcReply {
    Response(Value),
    /// The message was a notification, which has no response.
    NoResponse,
}

/// Handles one JSON-RPC message of an agent's MCP client.
///
/// An unknown method, such as the CLI's `server/discover` probe, gets -32601 at once: without a
/// response the client waits three seconds before its first model request.
pub(crate) async fn answer_message(server: &dyn ToolServer, message: &Value) -> RpcReply {
    let method = message.get("method").and_then(Value::as_str);
    let id = message.get("id").filter(|id| !id.is_null());
    let (method, id) = match (method, id) {
        (Some(method), Some(id)) => (method, id.clone()),
        (_, None) => return RpcReply::NoResponse,
        (None, Some(id)) => {
            return error_response(id, INVALID_REQUEST, "a request needs a method");
        }
    };
    let params = message.get("params").unwrap_or(&Value::Null);
    match method {
        "initialize" => success_response(&id, &initialize_result(params)),
        "ping" => success_response(&id, &json!({})),
        "tools/list" => success_response(&id, &tool_list_result(&server.tools())),
        "tools/call" => call_tool(server, &id, params).await,
        other => error_response(&id, METHOD_NOT_FOUND, &format!("unknown method {other}")),
    }
}

fn initialize_result(params: &Value) -> Value {
    let version = params.get("protocolVersion").and_then(Value::as_str);
    json!({
        "protocolVersion": version.unwrap_or(PROTOCOL_VERSION),
        "capabilities": {"tools": {}},
        "serverInfo": {"name": SERVER_NAME, "version": env!("CARGO_PKG_VERSION")},
    })
}

fn tool_list_result(tools: &[ToolDescription]) -> Value {
    let tools: Vec<Value> = tools
        .iter()
        .map(|tool| {
            json!({
                "name": tool.name,
                "description": tool.description,
                "inputSchema": tool.input_schema,
            })
        })
        .collect();
    json!({ "tools": tools })
}

async fn call_tool(server: &dyn ToolServer, id: &Value, params: &Value) -> RpcReply {
    let Some(name) = params.get("name").and_then(Value::as_str) else {
        return error_response(id, INVALID_PARAMS, "tools/call needs the name of a tool");
    };
    let tools = server.tools();
    if !tools.iter().any(|tool| tool.name == name) {
        let known: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        let text = format!(
            "there is no tool {name:?}; the tools are: {}",
            known.join(", ")
        );
        return success_response(id, &tool_call_result(&ToolReply::error(text)));
    }
    let arguments = match params.get("arguments") {
        None | Some(Value::Null) => json!({}),
        Some(object @ Value::Object(_)) => object.clone(),
        Some(_) => return error_response(id, INVALID_PARAMS, "the arguments must be an object"),
    };
    let reply = server.call(name, arguments).await;
    success_response(id, &tool_call_result(&reply))
}

fn tool_call_result(reply: &ToolReply) -> Value {
    let mut content = vec![json!({"type": "text", "text": reply.text})];
    content.extend(
        reply.images.iter().map(
            |image| json!({"type": "image", "data": image.base64, "mimeType": image.media_type}),
        ),
    );
    json!({ "content": content, "isError": reply.is_error })
}

fn success_response(id: &Value, result: &Value) -> RpcReply {
    RpcReply::Response(json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

fn error_response(id: &Value, code: i64, message: &str) -> RpcReply {
    let error = json!({"code": code, "message": message});
    RpcReply::Response(json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::mcp::ToolImage;

    struct EchoToolServer;

    impl ToolServer for EchoToolServer {
        fn tools(&self) -> Vec<ToolDescription> {
            vec![ToolDescription {
                name: "echo".into(),
                description: "says it again".into(),
                input_schema: json!({"type": "object"}),
            }]
        }

        fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply> {
            Box::pin(async move {
                if arguments.get("show").is_some() {
                    return ToolReply::ok("see").with_image(ToolImage {
                        media_type: "image/png",
                        base64: "aGk=".into(),
                    });
                }
                match arguments.get("fail") {
                    Some(_) => ToolReply::error("asked to fail"),
                    None => ToolReply::ok(format!("{name} {arguments}")),
                }
            })
        }
    }

    async fn send_message(message: Value) -> Value {
        match answer_message(&EchoToolServer, &message).await {
            RpcReply::Response(value) => value,
            RpcReply::NoResponse => Value::Null,
        }
    }

    #[tokio::test]
    async fn initialize_answers_in_the_protocol_version_of_the_client() {
        let reply = send_message(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {"protocolVersion": "2024-11-05"}}))
        .await;
        assert_eq!(reply["result"]["protocolVersion"], "2024-11-05");
        assert_eq!(reply["result"]["serverInfo"]["name"], "eklavya");
        assert_eq!(reply["id"], 1);
    }

    #[tokio::test]
    async fn a_notification_gets_no_response() {
        let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(
            answer_message(&EchoToolServer, &note).await,
            RpcReply::NoResponse
        );
    }

    #[tokio::test]
    async fn refuses_an_unknown_method_at_once() {
        let probe = json!({"id": "server-discover-probe-1", "method": "server/discover"});
        let reply = send_message(probe).await;
        assert_eq!(reply["error"]["code"], METHOD_NOT_FOUND);
        assert_eq!(reply["id"], "server-discover-probe-1");
    }

    #[tokio::test]
    async fn lists_and_calls_a_tool() {
        let listed = send_message(json!({"id": 2, "method": "tools/list"})).await;
        assert_eq!(listed["result"]["tools"][0]["name"], "echo");
        assert_eq!(
            listed["result"]["tools"][0]["inputSchema"]["type"],
            "object"
        );
        let params = json!({"name": "echo", "arguments": {"a": 1}});
        let called = send_message(json!({"id": 3, "method": "tools/call", "params": params})).await;
        assert_eq!(called["result"]["content"][0]["text"], r#"echo {"a":1}"#);
        assert_eq!(called["result"]["isError"], false);
    }

    #[tokio::test]
    async fn a_failing_or_unknown_tool_is_an_error_that_the_model_reads() {
        let failing = json!({"name": "echo", "arguments": {"fail": true}});
        let reply = send_message(json!({"id": 4, "method": "tools/call", "params": failing})).await;
        assert_eq!(reply["result"]["isError"], true);
        let unknown = json!({"name": "rm"});
        let reply = send_message(json!({"id": 5, "method": "tools/call", "params": unknown})).await;
        assert_eq!(reply["result"]["isError"], true);
        let text = reply["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("the tools are: echo"), "{text}");
    }

    #[tokio::test]
    async fn an_image_follows_the_text() {
        let params = json!({"name": "echo", "arguments": {"show": true}});
        let reply = send_message(json!({"id": 6, "method": "tools/call", "params": params})).await;
        let expected = json!([
            {"type": "text", "text": "see"},
            {"type": "image", "data": "aGk=", "mimeType": "image/png"},
        ]);
        assert_eq!(reply["result"]["content"], expected);
    }

    #[tokio::test]
    async fn malformed_requests_get_errors() {
        let cases = [
            (json!({"id": 1}), INVALID_REQUEST),
            (json!({"id": 1, "method": 7}), INVALID_REQUEST),
            (json!({"id": 1, "method": "tools/call"}), INVALID_PARAMS),
            (
                json!({"id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": 3}}),
                INVALID_PARAMS,
            ),
        ];
        for (message, code) in cases {
            assert_eq!(
                send_message(message.clone()).await["error"]["code"],
                code,
                "{message}"
            );
        }
        for message in [
            json!(null),
            json!([]),
            json!("x"),
            json!({"id": null, "method": "ping"}),
        ] {
            assert_eq!(
                answer_message(&EchoToolServer, &message).await,
                RpcReply::NoResponse,
                "{message}"
            );
        }
    }
}
