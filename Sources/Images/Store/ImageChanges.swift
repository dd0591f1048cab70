import JSON

/// An image's `config` under Dockerfile lines.
struct ImageChanges {
    private(set) var config: JSONObject
    init(_ config: JSONObject) { self.config = config }

    /// Throws 400 for an instruction that changes no configuration, and for one that is written wrong.
    mutating func apply(_ line: String) throws(ImageError) {
        let words = ImageChanges.trimmed(line)
        let instruction = String(decoding: words.prefix { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self).uppercased()
        let rest = ImageChanges.trimmed(String(decoding: words.drop { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self))
        let text = String(decoding: rest, as: UTF8.self)
        guard !text.isEmpty else {
            throw ImageError(400, "the change \"\(line)\" says nothing: write for example CMD /bin/sh")
        }
        switch instruction {
        case "CMD": config["Cmd"] = try command(text)
        case "ENTRYPOINT": config["Entrypoint"] = try command(text)
        case "USER": config["User"] = .string(text)
        case "WORKDIR":
            guard text.hasPrefix("/") else { throw ImageError(400, "WORKDIR \(text): an absolute path is needed") }
            config["WorkingDir"] = .string(text)
        case "HEALTHCHECK": config["Healthcheck"] = try healthCheck(text)
        case "STOPSIGNAL": config["StopSignal"] = .string(text)
        case "ONBUILD": config["OnBuild"] = .array((config["OnBuild"]?.array ?? []) + [.string(text)])
        case "VOLUME":
            let paths = text.hasPrefix("[") ? try strings(text) : try ImageChanges.words(text)
            for path in paths { add("Volumes", path, .object(JSONObject())) }
        case "EXPOSE":
            for port in try ImageChanges.words(text) {
                add("ExposedPorts", try ImageChanges.port(port), .object(JSONObject()))
            }
        case "LABEL": for (key, value) in try pairs(text) { add("Labels", key, .string(value)) }
        case "ENV":
            var variables = (config["Env"]?.array ?? []).compactMap(\.string)
            for (key, value) in try pairs(text) {
                if let index = variables.firstIndex(where: { $0.hasPrefix("\(key)=") }) {
                    variables[index] = "\(key)=\(value)"
                } else {
                    variables.append("\(key)=\(value)")
                }
            }
            config["Env"] = .array(variables.map { .string($0) })
        default:
            throw ImageError(
                400,
                "\(instruction) is no change of an image: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR are"
            )
        }
    }

    private mutating func add(_ table: String, _ key: String, _ value: JSON) {
        var object = config[table]?.object ?? JSONObject()
        object[key] = value
        config[table] = .object(object)
    }

    /// A JSON list of words, or a shell's line.
    func command(_ text: String) throws(ImageError) -> JSON {
        if text.hasPrefix("[") { return .array(try strings(text).map { .string($0) }) }
        return ["/bin/sh", "-c", .string(text)]
    }

    private func strings(_ text: String) throws(ImageError) -> [String] {
        let list = try ArchiveImage.json(Array(text.utf8), "the list \(text)").array ?? []
        let strings = list.compactMap(\.string)
        guard strings.count == list.count else {
            throw ImageError(400, "the list \(text) has something else than strings")
        }
        return strings
    }

    /// `a=b c="d e"`, or the old `a b c`.
    private func pairs(_ text: String) throws(ImageError) -> [(String, String)] {
        let words = try ImageChanges.words(text)
        guard words[0].utf8.contains(UInt8(ascii: "=")) else {
            let rest = ImageChanges.trimmed(
                String(decoding: text.utf8.drop { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self))
            guard !rest.isEmpty else { throw ImageError(400, "\(text): a name and a value are needed, as A=1") }
            return [(words[0], String(decoding: rest, as: UTF8.self))]
        }
        var pairs: [(String, String)] = []
        for word in words {
            let bytes = Array(word.utf8)
            guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")), equals > 0 else {
                throw ImageError(400, "\(word): a name and a value are needed, as A=1")
            }
            pairs.append(
                (
                    String(decoding: bytes[..<equals], as: UTF8.self),
                    String(decoding: bytes[(equals + 1)...], as: UTF8.self)
                ))
        }
        return pairs
    }

    private static func port(_ text: String) throws(ImageError) -> String {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let kind = parts.count == 2 ? parts[1].lowercased() : "tcp"
        guard parts.count <= 2, ["tcp", "udp", "sctp"].contains(kind), let number = UInt16(parts[0]), number > 0 else {
            throw ImageError(400, "EXPOSE \(text): a port of 1 to 65535 is needed, as 80 or 53/udp")
        }
        return "\(number)/\(kind)"
    }

    /// Words between blanks; quotes hold blanks, a backslash the next letter.
    private static func words(_ text: String) throws(ImageError) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        var isOpen = false
        var quote: UInt8?
        var bytes = text.utf8.makeIterator()
        while let byte = bytes.next() {
            if let open = quote {
                if byte == open {
                    quote = nil
                } else if byte == 0x5c, open == 0x22, let next = bytes.next() {
                    word.append(next)
                } else {
                    word.append(byte)
                }
            } else if byte == 0x22 || byte == 0x27 {
                (quote, isOpen) = (byte, true)
            } else if byte == 0x5c, let next = bytes.next() {
                word.append(next)
                isOpen = true
            } else if byte == 0x20 || byte == 0x09 {
                if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
                (word, isOpen) = ([], false)
            } else {
                word.append(byte)
                isOpen = true
            }
        }
        guard quote == nil else { throw ImageError(400, "\(text): a quote is not closed") }
        if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }

    static func trimmed(_ text: String) -> [UInt8] {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }
        return Array(text.utf8.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
