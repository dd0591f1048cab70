import Glibc
import JSON
import NetCore
import TestSupport
import Testing

/// A network list of examples/, with the capability arguments that stand beside it.
struct Example: Sendable, CustomTestStringConvertible {
    /// Without ".conflist".
    let name: String

    static let repository = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
    static let folder = "\(repository)/examples"
    static let all: [Example] = names(in: folder, endingWith: ".conflist").map { Example(name: $0) }

    var testDescription: String { name }
    var path: String { "\(Example.folder)/\(name).conflist" }

    func network() throws -> TestNetwork {
        let list = try JSON(parsing: try Files.read(path))
        guard let name = list["name"]?.string, let version = list["cniVersion"]?.string,
            let plugins = list["plugins"]?.array
        else { throw HostRefused("\(path) has no name, no cniVersion or no plugins") }
        return TestNetwork(plugins.map { $0.object ?? [:] }, name: name, version: version)
    }

    /// What an engine adds: the file NAME.args.json, else one published port where the list takes them.
    func runtimeConfig() throws -> JSONObject {
        let file = "\(Example.folder)/\(name).args.json"
        if Files.exists(file) { return try JSON(parsing: try Files.read(file)).object ?? [:] }
        return ["portMappings": [["hostPort": 8080, "containerPort": 80, "protocol": "tcp"]]]
    }

    /// A way out for what stands on one.
    func prepare(_ host: PrivateHost) throws {
        let needsUplink = try network().plugins.contains { $0["type"] == "macvlan" }
        if needsUplink { try host.makeUplink() }
    }

    /// Names in a folder that end so, without that ending, sorted; none when the folder is not there.
    static func names(in folder: String, endingWith ending: String) -> [String] {
        do {
            let names = try Files.names(in: folder)
            return names.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }.sorted()
        } catch {
            return []
        }
    }
}

@Suite("Every list of examples/ works as it stands")
struct ExampleTests {
    /// As kubelet's runtime calls: keys that no plugin knows, let through by IgnoreUnknown.
    static let arguments = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web"

    /// The host without host-local's note of when it last looked at a network's leases.
    static func settled(_ host: PrivateHost) throws -> HostState {
        try host.settledState().matching { !$0.contains("/networks/.berth/.") }
    }

    @Test("one process a plugin, as engines run them: ADD, CHECK and DEL, and nothing is left", arguments: Example.all)
    func engine(_ example: Example) throws {
        let network = try example.network()
        let runtimeConfig = try example.runtimeConfig()
        try PrivateHost.run { host in
            try example.prepare(host)
            func attach(_ id: String) throws -> Attached {
                try host.attach(
                    network, id, runtimeConfig: runtimeConfig, arguments: ExampleTests.arguments)
            }
            let first = try attach("baseline")
            try host.detach(first)
            try host.removeNamespace("baseline")
            let before = try ExampleTests.settled(host)
            let attached = try attach("c1")
            host.expect(try ExampleTests.settled(host) != before, "ADD of \(example.name) changed nothing")
            if let drift = try host.check(attached) { host.expect(false, "CHECK of \(example.name): \(drift)") }
            try host.detach(attached, losing: [.previousResult, .runtimeConfig])
            try host.removeNamespace("c1")
            let difference = try ExampleTests.settled(host).difference(from: before)
            host.expect(difference.isEmpty, "DEL of \(example.name) left:\n\(difference)")
        }
    }

    @Test("berth-cni validates it and runs it in one process: add, check, del", arguments: Example.all)
    func runtime(_ example: Example) throws {
        let arguments = JSON.object(try example.runtimeConfig()).text
        try PrivateHost.run { host in
            try example.prepare(host)
            let namespace = try host.makeNamespace("c1")
            let environment = [
                "CNI_PATH": PluginType.directory, "CAP_ARGS": arguments, "CNI_ARGS": ExampleTests.arguments,
            ]
            func run(_ words: String...) throws {
                let outcome = try host.run(
                    ["\(Example.repository)/build/bin/berth-cni"] + words, environment: environment)
                host.expect(outcome.exitCode == 0, "\(outcome)")
            }
            try run("validate", example.path)
            try run("add", example.path, namespace)
            try run("check", example.path, namespace)
            try run("del", example.path, namespace)
            let left = try host.state().lines.filter { $0.hasPrefix("link veth") || $0.contains(" element ") }
            host.expect(left.allSatisfy { !$0.contains(" comment ") && !$0.hasPrefix("link") }, "left: \(left)")
        }
    }
}

@Suite("The plugins have one list of names")
struct RegistryTests {
    @Test("program, links, documentation and examples name the same plugins")
    func names() throws {
        let root = Example.repository
        let printed = try PrivateHost.run { host in try host.must("\(root)/build/bin/berth-core --plugins") }
        let registered = printed.split(separator: "\n").map(String.init).sorted()
        #expect(registered == PluginType.allCases.map(\.rawValue).sorted())
        #expect(try Files.names(in: "\(root)/build/cni").sorted() == registered, "links of build/cni")
        #expect(Example.names(in: "\(root)/docs/plugins", endingWith: ".md") == registered, "pages of docs/plugins")
        var used: Set<String> = []
        for example in Example.all {
            for plugin in try example.network().plugins {
                let types = [plugin["type"]?.string, plugin["ipam"]?["type"]?.string]
                used.formUnion(types.compactMap { $0 })
            }
        }
        #expect(used.sorted() == registered, "types that examples/ uses")
    }

    @Test("the README links to the page of each plugin, and its links lead to files")
    func links() throws {
        let root = Example.repository
        for page in ["README.md", "CONTRIBUTING.md", "docs/architecture.md"] {
            let text = String(decoding: try Files.read("\(root)/\(page)"), as: UTF8.self)
            let folder = page.contains("/") ? "\(root)/docs" : root
            for part in text.split(separator: "](").dropFirst() {
                let target = String(part.prefix { $0 != ")" && $0 != "#" })
                guard !target.isEmpty, !target.contains("://") else { continue }
                #expect(Files.exists("\(folder)/\(target)"), "\(page) links to \(target)")
            }
        }
        let readme = String(decoding: try Files.read("\(root)/README.md"), as: UTF8.self)
        for type in PluginType.allCases { #expect(readme.contains("](docs/plugins/\(type.rawValue).md)")) }
    }

    @Test("docs/architecture.md names every target of the package, docs/errors.md every code")
    func pagesAreComplete() throws {
        func text(_ path: String) throws -> String {
            String(decoding: try Files.read("\(Example.repository)/\(path)"), as: UTF8.self)
        }
        let architecture = try text("docs/architecture.md")
        for line in try text("Package.swift").split(separator: "\n") where line.contains("name: \"") {
            let name = String(line.split(separator: "\"")[1])
            guard !name.hasSuffix("Tests"), !line.contains("trait") else { continue }
            #expect(architecture.contains("`\(name)`") || line.contains(".executable("), "target \(name)")
        }
        let errors = try text("docs/errors.md")
        for line in try text("Sources/CNI/Protocol/CNIErrorCode.swift").split(separator: "\n") {
            guard let number = line.split(separator: "rawValue: ").dropFirst().first?.prefix(while: \.isNumber),
                !number.isEmpty
            else { continue }
            #expect(errors.contains("| \(number) | "), "code \(number)")
        }
    }
}
