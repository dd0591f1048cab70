import NetCore

/// What the daemon refuses, with how to mend it where the words tell.
enum Refusal {
    /// The message is the daemon's own; a remedy that it brings (a line `fix: …`) is kept.
    static func error(_ message: String, status: Int, _ endpoint: Endpoint) -> ClientError {
        var lines = message.split(separator: "\n").map(String.init)
        let first = lines.isEmpty ? message : lines.removeFirst()
        var by: [String] = []
        var fix: String?
        for line in lines {
            let text = String(line.drop { $0 == " " })
            if text.hasPrefix("fix: ") {
                fix = String(text.dropFirst(5))
            } else {
                by.append(text.hasPrefix("by: ") ? String(text.dropFirst(4)) : text)
            }
        }
        return ClientError(
            first, by: by.isEmpty ? "the daemon at \(endpoint) (\(status))" : by.joined(by: "; "),
            fix: fix ?? remedy(first.lowercased(), status), status: status)
    }

    private static func remedy(_ text: String, _ status: Int) -> String? {
        if text.holds("no such container") { return "see which there are: berth ps -a" }
        if text.holds("no such image") {
            return "see which there are: berth images; get one: berth load -i FILE, berth import FILE NAME"
        }
        if text.holds("no such volume") { return "see which there are: berth volume ls" }
        if text.holds("network") && text.holds("not found") { return "see which there are: berth network ls" }
        if text.holds("is already in use by container") {
            return "take another name, or remove that one: berth rm, berth rename"
        }
        if text.holds("port is already allocated") || text.holds("already in use on") {
            return "choose another (-p 8081:80), or bind one address (-p 127.0.0.1:8080:80)"
        }
        if text.holds("is not running") { return "start it: berth start CONTAINER" }
        if text.holds("is paused") { return "berth unpause CONTAINER" }
        if text.holds("running container") && status == 409 {
            return "stop it first: berth stop CONTAINER, or force it: berth rm -f"
        }
        if text.holds("has active endpoints") { return "disconnect them first: berth network inspect NAME tells which" }
        if text.holds("volume is in use") {
            return "remove the containers that use it first: berth ps -a --filter volume=NAME"
        }
        switch status {
        case 400: return "correct what the sentence names"
        case 501: return "berth's daemon does not do this; docs/runtime.md says what it does"
        case 500...: return "see what the daemon's own output says"
        default: return nil
        }
    }
}
