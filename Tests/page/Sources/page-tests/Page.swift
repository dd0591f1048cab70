import Foundation

/// One tab.
final class Page {
    let chromium: Chromium
    private let session: String
    private let target: String

    init(_ chromium: Chromium) throws {
        self.chromium = chromium
        let made = try chromium.send("Target.createTarget", ["url": "about:blank"])
        target = made["targetId"] as? String ?? ""
        let attached = try chromium.send("Target.attachToTarget", ["targetId": target, "flatten": true])
        session = attached["sessionId"] as? String ?? ""
        for domain in ["Page", "Runtime", "Network", "Log"] { try send("\(domain).enable") }
    }

    @discardableResult
    func send(_ method: String, _ parameters: [String: Any] = [:], seconds: Double = 20) throws -> [String: Any] {
        try chromium.send(method, parameters, session: session, seconds: seconds)
    }

    func close() { _ = try? chromium.send("Target.closeTarget", ["targetId": target], seconds: 5) }

    /// Sets size and taste, then goes to the address. Motion is off unless asked for.
    func open(_ url: String, _ width: Int = 1440, _ height: Int = 900, dark: Bool = false, moves: Bool = false) throws {
        try size(width, height)
        try media(dark: dark, moves: moves)
        // From one page to the same with another fragment would be no new page.
        try send("Page.navigate", ["url": "about:blank"])
        try send("Page.navigate", ["url": url])
    }

    func size(_ width: Int, _ height: Int) throws {
        try send(
            "Emulation.setDeviceMetricsOverride",
            ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false])
    }

    func media(dark: Bool, moves: Bool = false, print: Bool = false) throws {
        try send(
            "Emulation.setEmulatedMedia",
            [
                "media": print ? "print" : "",
                "features": [
                    ["name": "prefers-color-scheme", "value": dark ? "dark" : "light"],
                    ["name": "prefers-reduced-motion", "value": moves ? "no-preference" : "reduce"],
                ],
            ])
    }

    func ready(seconds: Double = 10) throws {
        try wait("document.documentElement?.dataset.ready === '1'", seconds: seconds)
    }

    /// The expression's value; a promise is waited for.
    @discardableResult
    func value(_ script: String) throws -> Any {
        let answer = try send("Runtime.evaluate", ["expression": script, "returnByValue": true, "awaitPromise": true])
        if let thrown = answer["exceptionDetails"] as? [String: Any] {
            let exception = thrown["exception"] as? [String: Any]
            throw Failure("\(script.prefix(120)): \(exception?["description"] ?? thrown["text"] ?? "")")
        }
        return (answer["result"] as? [String: Any])?["value"] ?? NSNull()
    }

    func text(_ script: String) throws -> String { try value("String(\(script))") as? String ?? "" }
    func number(_ script: String) throws -> Double { (try value(script) as? NSNumber)?.doubleValue ?? .nan }
    func holds(_ script: String) throws -> Bool { (try value("Boolean(\(script))") as? NSNumber)?.boolValue ?? false }
    func texts(_ script: String) throws -> [String] { try value(script) as? [String] ?? [] }

    func wait(_ script: String, seconds: Double = 5) throws {
        let deadline = now() + seconds
        while now() < deadline {
            if try holds(script) { return }
            try chromium.listen(seconds: 0.02)
        }
        throw Failure("after \(seconds) s not so: \(script)")
    }

    /// Presses a key and lets it go: "ArrowRight", "s", "?", " ".
    func press(_ key: String) throws {
        let named: [String: (code: String, number: Int, text: String)] = [
            " ": ("Space", 32, " "), "Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""),
            "ArrowLeft": ("ArrowLeft", 37, ""), "ArrowUp": ("ArrowUp", 38, ""), "ArrowRight": ("ArrowRight", 39, ""),
            "ArrowDown": ("ArrowDown", 40, ""), "Home": ("Home", 36, ""), "End": ("End", 35, ""),
        ]
        let told = named[key] ?? ("", Int(key.uppercased().utf8.first ?? 0), key)
        var parameters: [String: Any] = ["key": key, "code": told.code, "windowsVirtualKeyCode": told.number]
        parameters["type"] = told.text.isEmpty ? "rawKeyDown" : "keyDown"
        if !told.text.isEmpty { parameters["text"] = told.text }
        try send("Input.dispatchKeyEvent", parameters)
        parameters["type"] = "keyUp"
        parameters["text"] = nil
        try send("Input.dispatchKeyEvent", parameters)
    }

    func screenshot() throws -> Data {
        // A frame later everything is drawn.
        try value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        let answer = try send("Page.captureScreenshot", ["format": "png"])
        return Data(base64Encoded: answer["data"] as? String ?? "") ?? Data()
    }

    /// What was said of errors since the last question.
    func complaints() throws -> [String] {
        try chromium.listen(seconds: 0.05)
        let found = chromium.events.compactMap { event -> String? in
            let parameters = event["params"] as? [String: Any] ?? [:]
            switch event["method"] as? String {
            case "Runtime.exceptionThrown":
                let details = parameters["exceptionDetails"] as? [String: Any] ?? [:]
                return "exception: \((details["exception"] as? [String: Any])?["description"] ?? details["text"] ?? "")"
            case "Runtime.consoleAPICalled":
                let kind = parameters["type"] as? String ?? ""
                return ["error", "warning", "assert"].contains(kind) ? "console: \(parameters["args"] ?? "")" : nil
            case "Log.entryAdded":
                let entry = parameters["entry"] as? [String: Any] ?? [:]
                return entry["level"] as? String == "error" ? "log: \(entry["text"] ?? "") \(entry["url"] ?? "")" : nil
            default: return nil
            }
        }
        return found
    }

    /// Addresses that were asked for since the last question.
    func requests() -> [String] {
        chromium.events.compactMap { event in
            guard event["method"] as? String == "Network.requestWillBeSent",
                let parameters = event["params"] as? [String: Any]
            else { return nil }
            return (parameters["request"] as? [String: Any])?["url"] as? String
        }
    }
}
