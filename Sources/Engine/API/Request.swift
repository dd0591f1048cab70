#if Daemon
    import Containers
    import JSON
    import NIOHTTP1

    /// What a client asks: method, path without the version, query, headers, body.
    struct Request: Sendable {
        let method: String
        /// As it was sent, for the log.
        let target: String
        let query: [(name: String, value: String)]
        let headers: HTTPHeaders
        let body: [UInt8]
        let isHTTP11: Bool
        /// The minor number of /v1.NN/, 50 without one.
        let version: Int

        init(_ head: HTTPRequestHead, _ body: [UInt8]) {
            method = head.method.rawValue
            target = head.uri
            headers = head.headers
            self.body = body
            isHTTP11 = head.version.minor >= 1
            version = Request.version(of: head.uri) ?? Service.newest
            guard let mark = head.uri.utf8.firstIndex(of: UInt8(ascii: "?")) else {
                query = []
                return
            }
            query = head.uri[head.uri.utf8.index(after: mark)...].split(separator: "&").compactMap { pair in
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = Request.decode(parts[0], plusIsSpace: true) else { return nil }
                return (name, parts.count > 1 ? Request.decode(parts[1], plusIsSpace: true) ?? "" : "")
            }
        }

        /// 41 of /v1.41/…; nil when the path begins otherwise; -1 when it is a version of another kind.
        static func version(of target: String) -> Int? {
            guard target.hasPrefix("/v"), let first = target.dropFirst(2).split(separator: "/").first,
                first.first?.isASCII == true, first.first?.isNumber == true
            else { return nil }
            let numbers = first.split(separator: ".", omittingEmptySubsequences: false)
            guard numbers.count == 2, numbers[0] == "1", let minor = Int(numbers[1]), minor >= 0 else { return -1 }
            return minor
        }

        /// Percent signs resolved; nil when what comes out is no text, or holds NUL.
        static func decode(_ text: Substring, plusIsSpace: Bool = false) -> String? {
            var bytes: [UInt8] = []
            var rest = text.utf8[...]
            while let byte = rest.popFirst() {
                switch byte {
                case UInt8(ascii: "%"):
                    guard rest.count >= 2, let code = UInt8(String(rest.prefix(2)) ?? "", radix: 16), code != 0 else {
                        return nil
                    }
                    bytes.append(code)
                    rest = rest.dropFirst(2)
                case UInt8(ascii: "+") where plusIsSpace: bytes.append(0x20)
                case 0: return nil
                default: bytes.append(byte)
                }
            }
            return String(validating: bytes, as: UTF8.self)
        }

        func text(_ name: String) -> String? { query.first { $0.name == name }?.value }
        /// Docker's: absent, empty, 0, no, false and none are false.
        func flag(_ name: String, default value: Bool = false) -> Bool {
            guard let text = text(name)?.lowercased() else { return value }
            return !["", "0", "no", "false", "none"].contains(text)
        }
        func number(_ name: String) throws(APIError) -> Int? {
            guard let text = text(name), !text.isEmpty else { return nil }
            guard let number = Int(text) else {
                throw APIError(400, "query parameter \(name) is \"\(text)\": a whole number is wanted")
            }
            return number
        }

        /// The query's `filters` as key → array of texts, whichever of Docker's two forms it has: arrays, or objects of true.
        func filters() throws(APIError) -> JSONObject {
            guard let text = text("filters"), !text.isEmpty else { return [:] }
            var filters = JSONObject()
            for (key, value) in try object(Array(text.utf8), "query parameter filters") {
                switch value {
                case .array(let values): filters[key] = .array(values.filter { $0.string != nil })
                case .object(let values):
                    filters[key] = .array(values.filter { $0.value.bool != false }.map { .string($0.key) })
                case .null: continue
                default: throw APIError(400, "filter \(key) is \(value.kind): an array of texts is wanted")
                }
            }
            return filters
        }

        /// The body as an object. Docker's rule: nothing, or application/json.
        func json(isOptional: Bool = false) throws(APIError) -> JSONObject {
            if body.isEmpty {
                if isOptional { return [:] }
                throw APIError(400, "invalid JSON: got EOF while reading request body")
            }
            let type = headers.first(name: "Content-Type") ?? ""
            let kind = type.split(separator: ";").first.map { $0.trimmed.lowercased() } ?? ""
            guard kind == "application/json" else {
                throw APIError(400, "unsupported Content-Type header (\(type)): must be 'application/json'")
            }
            return try object(body, "invalid JSON")
        }

        private func object(_ bytes: [UInt8], _ what: String) throws(APIError) -> JSONObject {
            let value: JSON
            do throws(JSONError) { value = try JSON(parsing: bytes) } catch { throw APIError(400, "\(what): \(error)") }
            if case .null = value { return [:] }
            guard let object = value.object else {
                throw APIError(400, "\(what): an object is wanted, not \(value.kind)")
            }
            return object
        }
    }

    extension Substring {
        /// Without the spaces around it.
        var trimmed: Substring {
            var text = self.drop { $0 == " " || $0 == "\t" }
            while text.last == " " || text.last == "\t" { text.removeLast() }
            return text
        }
    }
#endif
