import Foundation

/// What every case has at hand.
final class Bench {
    let chromium: Chromium
    let server: FixtureServer
    let pageText: String
    let fixtures: String
    let screens: String
    let artifacts: String
    let berth: String
    let updates: Bool
    let lessons: [String]
    private(set) var page: Page

    init(chromium: Chromium, server: FixtureServer, pageText: String, options: Options) throws {
        (self.chromium, self.server, self.pageText) = (chromium, server, pageText)
        (fixtures, screens, artifacts) = (options.fixtures, options.screens, options.artifacts)
        (berth, updates, lessons) = (options.berth, options.updates, options.lessons)
        page = try Page(chromium)
    }

    /// A new tab, and a server that remembers nothing.
    func freshPage() throws {
        page.close()
        chromium.forgetEvents()
        page = try Page(chromium)
        server.answers = [:]
        server.forget()
    }

    func saved(_ name: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/\(name).json"))
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }

    func state(_ name: String) throws -> [String: Any] { try saved(name)["state"] as? [String: Any] ?? [:] }
    func journey(_ name: String) throws -> [String: Any] { try saved(name)["journey"] as? [String: Any] ?? [:] }
    func data(_ value: Any) throws -> Data { try JSONSerialization.data(withJSONObject: value) }

    /// The page in still mode, at a step.
    func still(_ name: String, step: Int = 0, _ width: Int = 1440, _ height: Int = 900, dark: Bool = false) throws {
        try still(saved(name), name: name, step: step, width, height, dark: dark)
    }

    func still(_ value: Any, name: String, step: Int = 0, _ width: Int = 1440, _ height: Int = 900, dark: Bool = false)
        throws
    {
        server.answers["/?still=\(name)"] = try data(value)
        try page.open("http://127.0.0.1:\(server.port)/?still=\(name)#step=\(step)", width, height, dark: dark)
        try page.ready()
        try page.value(Looking.script)
    }

    /// The page as a server that lives feeds it.
    func live(
        _ name: String, _ width: Int = 1440, _ height: Int = 900, moves: Bool = false,
        change: (inout [String: Any]) -> Void = { _ in }
    ) throws {
        var state = try state(name)
        change(&state)
        server.state = try data(state)
        server.answers["/probe"] = try data(try journey(name))
        try page.open(server.address, width, height, moves: moves)
        try page.ready()
        try page.value(Looking.script)
        try page.wait("document.getElementById('live').className === ''")
    }

    func steps(_ name: String) throws -> [[String: Any]] {
        let legs = try journey(name)["legs"] as? [[String: Any]] ?? []
        return legs.flatMap { $0["steps"] as? [[String: Any]] ?? [] }
    }

    func none(_ script: String, _ words: String) throws {
        let found = try page.texts(script)
        try expect(found.isEmpty, "\(words): \(found.prefix(6).joined(separator: "; "))")
    }
}

struct Case {
    let name: String
    let body: (Bench) throws -> Void
}

/// Sizes that every picture has to stand in.
let sizes = [(1440, 900), (1024, 768), (390, 844)]
