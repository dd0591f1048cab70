public import JSON

/// A Go template over JSON: `{{.Name}}`, `{{json .}}`, `{{range}}`, `{{if}}`, `{{with}}`, `{{index}}`, `{{join}}` and their kin.
public struct Template {
    private let nodes: [TemplateNode]

    /// Throws what cannot be read.
    public init(_ text: String) throws(ClientError) { nodes = try TemplateParser.parse(text) }

    /// The text that the template makes of a value. Throws what the value does not have.
    public func text(_ value: JSON) throws(ClientError) -> String {
        var run = Run(variables: [("", value)])
        try run.write(nodes, value)
        return run.text
    }

    private struct Run {
        var text = ""
        var variables: [(String, JSON)]

        mutating func write(_ nodes: [TemplateNode], _ dot: JSON) throws(ClientError) {
            let count = variables.count
            for node in nodes {
                switch node {
                case .text(let plain): text += plain
                case .output(let expression): text += Self.shown(try value(expression, dot))
                case .assign(let name, let expression):
                    let found = try value(expression, dot) ?? .null
                    variables.append((name, found))
                case .ifelse(let expression, let yes, let no):
                    try write(Self.isTrue(try value(expression, dot)) ? yes : no, dot)
                case .with(let expression, let yes, let no):
                    let found = try value(expression, dot)
                    if let found, Self.isTrue(found) { try write(yes, found) } else { try write(no, dot) }
                case .range(let key, let name, let expression, let body, let otherwise):
                    let items = try Self.items(try value(expression, dot))
                    for (index, item) in items {
                        let before = variables.count
                        if let key { variables.append((key, index)) }
                        if let name { variables.append((name, item)) }
                        try write(body, item)
                        variables.removeLast(variables.count - before)
                    }
                    if items.isEmpty { try write(otherwise, dot) }
                }
            }
            variables.removeLast(variables.count - count)
        }

        /// Objects are walked in the order of their keys, as Go does.
        static func items(_ value: JSON?) throws(ClientError) -> [(JSON, JSON)] {
            switch value {
            case .array(let values)?: return values.enumerated().map { (.integer(Int64($0.offset)), $0.element) }
            case .object(let object)?: return object.keys.sorted().map { (.string($0), object[$0] ?? .null) }
            case nil, .null?: return []
            default: throw TemplateParser.fault("range takes a list, and there is \(value?.kind ?? "nothing")")
            }
        }

        func value(_ expression: TemplateNode.Expression, _ dot: JSON) throws(ClientError) -> JSON? {
            switch expression {
            case .field(let path):
                if path.count > 0, case .object(let object) = dot, object[path[0]] == nil, isRow {
                    throw ClientError(
                        "there is no field \(path[0])", by: "there are: \(object.keys.joined(separator: ", "))",
                        fix: "name one of those, as '{{.\(object.keys.first ?? "ID")}}'")
                }
                return try Self.member(dot, path)
            case .variable(let name, let path):
                guard let found = variables.last(where: { $0.0 == name }) else {
                    throw TemplateParser.fault("there is no variable $\(name)")
                }
                return try Self.member(found.1, path)
            case .access(let inner, let path): return try Self.member(try value(inner, dot), path)
            case .string(let text): return .string(text)
            case .integer(let number): return .integer(number)
            case .bool(let flag): return .bool(flag)
            case .method(let path, let arguments):
                guard path == ["Label"], arguments.count == 1, let key = try value(arguments[0], dot)?.string else {
                    throw TemplateParser.fault(".\(path.joined(separator: ".")) takes no argument")
                }
                for pair in dot["Labels"]?.string?.split(separator: ",") ?? [] {
                    let parts = pair.split(separator: "=", maxSplits: 1)
                    if parts.first.map(String.init) == key { return .string(parts.count == 2 ? String(parts[1]) : "") }
                }
                return .string("")
            case .call(let name, let arguments):
                if name == "and" || name == "or" {
                    var last: JSON? = .null
                    for argument in arguments {
                        last = try value(argument, dot)
                        if Self.isTrue(last) == (name == "or") { return last }
                    }
                    return last
                }
                var values: [JSON?] = []
                for argument in arguments { values.append(try value(argument, dot)) }
                return try TemplateFunctions.call(name, values)
            }
        }

        /// Whether the template runs over a table's row, whose fields are known.
        var isRow: Bool { variables.first?.1[Row.mark] != nil }

        static func member(_ value: JSON?, _ path: [String]) throws(ClientError) -> JSON? {
            var value = value
            for name in path {
                switch value {
                case .object(let object)?: value = object[name]
                case nil, .null?: return nil
                default: throw TemplateParser.fault(".\(name) is asked of \(value?.kind ?? "nothing")")
                }
            }
            return value
        }

        static func isTrue(_ value: JSON?) -> Bool {
            switch value {
            case nil, .null?: false
            case .bool(let flag)?: flag
            case .integer(let number)?: number != 0
            case .double(let text)?: Double(text) != 0
            case .string(let text)?: !text.isEmpty
            case .array(let values)?: !values.isEmpty
            case .object(let object)?: !object.isEmpty
            }
        }

        /// As Go prints a value.
        static func shown(_ value: JSON?) -> String { TemplateFunctions.shown(value) }
    }
}
