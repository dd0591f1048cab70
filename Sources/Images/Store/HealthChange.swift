import JSON

// HEALTHCHECK as a Dockerfile has it: NONE, or options and CMD.
extension ImageChanges {
    func healthCheck(_ text: String) throws(ImageError) -> JSON {
        var rest = Array(text.utf8)[...]
        var check = JSONObject()
        while rest.starts(with: Array("--".utf8)) {
            let word = String(decoding: rest.prefix { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self)
            rest = rest.dropFirst(word.utf8.count).drop { $0 == 0x20 || $0 == 0x09 }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? String(parts[1]) : ""
            let names = [
                "interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod",
                "start-interval": "StartInterval",
            ]
            if let key = names[String(parts[0])] {
                guard let time = TimeSpan.nanoseconds(value), time == 0 || time >= 1_000_000 else {
                    throw ImageError(
                        400, "HEALTHCHECK \(word): a span of time of 1ms or more is needed, as --\(parts[0])=30s")
                }
                check[key] = .integer(time)
            } else if parts[0] == "retries" {
                guard let number = Int32(value), number >= 0 else {
                    throw ImageError(400, "HEALTHCHECK \(word): a number is needed, as --retries=3")
                }
                check["Retries"] = .integer(Int64(number))
            } else {
                throw ImageError(
                    400,
                    "HEALTHCHECK \(word) is no option of it: --interval, --timeout, --start-period, --start-interval and --retries are"
                )
            }
        }
        let kind = String(decoding: rest.prefix { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self).uppercased()
        let command = String(
            decoding: ImageChanges.trimmed(String(decoding: rest.dropFirst(kind.utf8.count), as: UTF8.self)),
            as: UTF8.self)
        switch kind {
        case "NONE" where command.isEmpty && check.isEmpty: check["Test"] = ["NONE"]
        case "CMD" where command.hasPrefix("["):
            let words = try self.command(command).array ?? []
            guard !words.isEmpty else { throw ImageError(400, "HEALTHCHECK CMD []: name a command") }
            check["Test"] = .array(["CMD"] + words)
        case "CMD" where !command.isEmpty: check["Test"] = ["CMD-SHELL", .string(command)]
        default:
            throw ImageError(400, "HEALTHCHECK \(text): it is NONE, or options and then CMD with a command")
        }
        return .object(check)
    }
}
