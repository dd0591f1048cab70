import JSON

/// `hooks`: programs run at moments of a container's life.
public struct HooksSpec: Hashable, Sendable {
    public enum Moment: String, Hashable, Sendable, CaseIterable {
        case prestart, createRuntime, createContainer, startContainer, poststart, poststop
    }

    public struct Hook: Hashable, Sendable {
        public let path: String
        /// With the program's own name.
        public let arguments: [String]
        public let environment: [String]
        /// In seconds; nil waits for ever.
        public let timeout: Int?
    }

    private var hooks: [Moment: [Hook]] = [:]

    init() {}

    init(_ fields: Fields) throws(OCIError) {
        for moment in Moment.allCases {
            var list: [Hook] = []
            for one in try fields.list(moment.rawValue) { list.append(try HooksSpec.hook(one)) }
            if !list.isEmpty { hooks[moment] = list }
        }
    }

    func at(_ moment: Moment) -> [Hook] { hooks[moment] ?? [] }

    private static func hook(_ fields: Fields) throws(OCIError) -> Hook {
        let path = try fields.required("path")
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw OCIError("config.json: \(fields.name("path")) is \(path): a hook's path must be absolute")
        }
        let arguments = try fields.strings("args") ?? []
        return Hook(
            path: path, arguments: arguments.isEmpty ? [path] : arguments,
            environment: try fields.strings("env") ?? [],
            timeout: try fields.integer("timeout", in: 1...86400).map(Int.init))
    }
}
