import JSON

/// The functions of a template: Go's own and docker's.
enum TemplateFunctions {
    static func call(_ name: String, _ values: [JSON?]) throws(ClientError) -> JSON? {
        func text(_ index: Int) throws(ClientError) -> String {
            guard index < values.count else { throw TemplateParser.fault("\(name) takes more values") }
            return shown(values[index])
        }
        func number(_ index: Int) throws(ClientError) -> Int {
            guard index < values.count, let number = values[index]?.integer else {
                throw TemplateParser.fault("\(name) takes a number")
            }
            return Int(truncatingIfNeeded: number)
        }
        switch name {
        case "json":
            guard let value = values.first else { throw TemplateParser.fault("json takes a value") }
            return .string(Row.plain(value ?? .null).text)
        case "join":
            guard values.count == 2 else { throw TemplateParser.fault("join takes a list and a separator") }
            return .string((values[0]?.array ?? []).map { shown($0) }.joined(separator: try text(1)))
        case "split":
            let separator = Array(try text(1))
            return .array(parts(Array(try text(0)), separator).map { .string($0) })
        case "lower": return .string(try text(0).lowercased())
        case "upper": return .string(try text(0).uppercased())
        case "title":
            let word = try text(0)
            return .string(word.prefix(1).uppercased() + word.dropFirst())
        case "truncate": return .string(String(try text(0).prefix(max(0, try number(1)))))
        case "pad":
            let spaces = { (count: Int) in String(repeating: " ", count: min(max(0, count), 1000)) }
            let word = try text(0)
            return .string(word.isEmpty ? "" : spaces(try number(1)) + word + spaces(try number(2)))
        case "println": return .string(values.map(shown).joined(separator: " ") + "\n")
        case "print": return .string(values.map(shown).joined())
        case "printf": return .string(formatted(try text(0), Array(values.dropFirst())))
        case "len":
            switch values.first ?? nil {
            case .string(let word)?: return .integer(Int64(word.utf8.count))
            case .array(let list)?: return .integer(Int64(list.count))
            case .object(let object)?: return .integer(Int64(object.count))
            case nil, .null?: return 0
            default: throw TemplateParser.fault("len takes a text, a list or an object")
            }
        case "index":
            var value = values.first ?? nil
            for key in values.dropFirst() {
                switch (value, key) {
                case (.array(let list)?, .integer(let place)?):
                    guard list.indices.contains(Int(truncatingIfNeeded: place)) else {
                        throw TemplateParser.fault("index \(place) is out of a list of \(list.count)")
                    }
                    value = list[Int(place)]
                case (.object(let object)?, .string(let word)?): value = object[word]
                case (nil, _), (.null?, _): return nil
                default: throw TemplateParser.fault("index takes a list and a number, or an object and a key")
                }
            }
            return value
        case "not": return .bool(!isTrue(values.first ?? nil))
        case "eq": return .bool(values.dropFirst().contains { equal($0, values[0]) })
        case "ne": return .bool(values.count == 2 && !equal(values[0], values[1]))
        case "lt", "le", "gt", "ge":
            guard values.count == 2 else { throw TemplateParser.fault("\(name) takes two values") }
            let order = compare(values[0], values[1])
            return .bool(name == "lt" ? order < 0 : name == "le" ? order <= 0 : name == "gt" ? order > 0 : order >= 0)
        default:
            throw ClientError(
                "--format cannot be read", by: "there is no function \(name)",
                fix:
                    "there are: json join split lower upper title truncate pad print printf println len index and or not eq ne lt le gt ge"
            )
        }
    }

    /// As Go prints a value with %v.
    static func shown(_ value: JSON?) -> String {
        switch value {
        case nil, .null?: "<no value>"
        case .bool(let flag)?: flag ? "true" : "false"
        case .integer(let number)?: String(number)
        case .double(let text)?: text
        case .string(let text)?: text
        case .array(let values)?: "[" + values.map { shown($0) }.joined(separator: " ") + "]"
        case .object(let object)?:
            "map[" + object.keys.sorted().map { "\($0):\(shown(object[$0]))" }.joined(separator: " ") + "]"
        }
    }

    private static func isTrue(_ value: JSON?) -> Bool {
        switch value {
        case nil, .null?, .bool(false)?, .integer(0)?, .string("")?: false
        case .array(let values)?: !values.isEmpty
        case .object(let object)?: !object.isEmpty
        default: true
        }
    }

    private static func equal(_ left: JSON?, _ right: JSON?) -> Bool { (left ?? .null) == (right ?? .null) }

    private static func compare(_ left: JSON?, _ right: JSON?) -> Int {
        if let left = left?.integer, let right = right?.integer { return left < right ? -1 : left > right ? 1 : 0 }
        let (one, other) = (shown(left), shown(right))
        return one < other ? -1 : one > other ? 1 : 0
    }

    private static func parts(_ text: [Character], _ separator: [Character]) -> [String] {
        guard !separator.isEmpty else { return text.map { String($0) } }
        var all: [String] = []
        var part: [Character] = []
        var index = 0
        while index < text.count {
            if text[index...].starts(with: separator) {
                all.append(String(part))
                part = []
                index += separator.count
            } else {
                part.append(text[index])
                index += 1
            }
        }
        return all + [String(part)]
    }

    /// %s %v %d %q %t %x and %%, with a width.
    private static func formatted(_ format: String, _ values: [JSON?]) -> String {
        var text = ""
        var rest = values[...]
        var characters = Array(format)[...]
        while let character = characters.popFirst() {
            guard character == "%" else {
                text.append(character)
                continue
            }
            let flags = characters.prefix { "-+# 0123456789.".contains($0) }
            characters = characters.dropFirst(flags.count)
            guard let verb = characters.popFirst() else { break }
            if verb == "%" {
                text.append("%")
                continue
            }
            guard let value = rest.popFirst() else {
                text += "%!\(verb)(MISSING)"
                continue
            }
            var word = verb == "q" ? JSON.string(shown(value)).text : shown(value)
            if verb == "x", let number = value?.integer { word = String(number, radix: 16) }
            let width = Int(String(flags.filter { $0.isNumber })) ?? 0
            let padding = String(repeating: " ", count: min(1000, max(0, width - word.count)))
            text += flags.first == "-" ? word + padding : padding + word
        }
        return text
    }
}
