import Glibc
import JSON
import NetCore

/// A directory of networks, `/etc/cni/net.d` as a rule (cni.md R-2, R-3). A file that cannot be used is passed over
/// with a warning that names it and the line; it never hides the other networks.
public struct ConfigurationDirectory: Sendable {
    public let path: String

    public init(_ path: String) { self.path = path }

    /// A network, the file that it stood in, and what was wrong with the files before it.
    public struct Found: Sendable {
        public let list: NetworkConfigurationList
        public let file: String
        public let warnings: [String]
    }

    /// The first list of that name: `*.conflist` by file name, then lone plugins in `*.conf` and `*.json`.
    /// Throws code 7 when there is none (the names that there are stand in it), 5 when the directory cannot be read.
    public func network(_ name: String) throws(CNIError) -> Found {
        var warnings: [String] = []
        var seen: [String] = []
        for file in try files([".conflist"], [".conf", ".json"]) {
            guard let list = ConfigurationDirectory.list(in: file, &warnings) else { continue }
            if list.name == name { return try found(list, file, warnings) }
            if !seen.contains(list.name) { seen.append(list.name) }
        }
        let known = seen.isEmpty ? "it has no network" : "it has \(seen.map { "\"\($0)\"" }.joined(by: ", "))"
        throw CNIError(
            .invalidConfiguration, "no net configuration with name \"\(name)\" in \(path): \(known)",
            details: warnings.isEmpty ? nil : warnings.joined(by: "; "))
    }

    /// The default network: the first by file name that can be used, as container engines choose it.
    /// Throws code 7 when there is none, 5 when the directory cannot be read.
    public func defaultNetwork() throws(CNIError) -> Found {
        var warnings: [String] = []
        for file in try files([".conflist", ".conf", ".json"]) {
            if let list = ConfigurationDirectory.list(in: file, &warnings) { return try found(list, file, warnings) }
        }
        throw CNIError(
            .invalidConfiguration, "no net configuration in \(path)",
            details: warnings.isEmpty ? nil : warnings.joined(by: "; "))
    }

    /// Every network that engines would find, each name once, in the order in which `network(_:)` looks; a file that
    /// cannot be used, and one whose name another has, is a warning. Throws code 5 when the directory cannot be read.
    public func networks() throws(CNIError) -> (networks: [Found], warnings: [String]) {
        var warnings: [String] = []
        var networks: [Found] = []
        for file in try files([".conflist"], [".conf", ".json"]) {
            guard let list = ConfigurationDirectory.list(in: file, &warnings) else { continue }
            if let other = networks.first(where: { $0.list.name == list.name }) {
                warnings.append("passed over \(file): network \"\(list.name)\" is that of \(other.file)")
                continue
            }
            do throws(CNIError) {
                networks.append(try found(list, file, []))
            } catch {
                warnings.append("passed over \(error.message)" + (error.details.map { ": \($0)" } ?? ""))
            }
        }
        return (networks, warnings)
    }

    /// The network of one file, list or lone plugin, with the plugins of its directory. Throws codes 5, 6 and 7 with
    /// the file named.
    public static func network(inFile file: String) throws(CNIError) -> Found {
        let directory = ConfigurationDirectory(Files.directory(of: file))
        return try directory.found(try read(file), file, [])
    }

    private func found(_ list: NetworkConfigurationList, _ file: String, _ warnings: [String]) throws(CNIError) -> Found
    {
        var list = list
        if !list.loadOnlyInlinedPlugins {
            let own = ConfigurationDirectory("\(path)/\(list.name)")
            for plugin in try own.files([".conf"]) {
                // Unlike a list, a part of this very list cannot be passed over: it may be its firewall.
                let object = try ConfigurationDirectory.object(in: plugin)
                do throws(CNIError) {
                    try list.append(object)
                } catch {
                    throw error.about(plugin, line: ConfigurationDirectory.line(of: error, in: plugin))
                }
            }
        }
        do { try list.requirePlugins() } catch { throw error.about(file) }
        return Found(list: list, file: file, warnings: warnings)
    }

    /// The paths that end in one of the first group's endings, by name, then the next group's; none when the directory
    /// is not there.
    private func files(_ groups: [String]...) throws(CNIError) -> [String] {
        let names: [String]
        do throws(KernelError) {
            names =
                try ignoring(.noSuchFile, Errno(ENOTDIR)) { () throws(KernelError) in try Files.names(in: path) } ?? []
        } catch {
            throw CNIError(error)
        }
        return groups.flatMap { endings in
            names.filter { name in endings.contains { name.hasSuffix($0) } }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(path)/\($0)" }
        }
    }

    private static func list(in file: String, _ warnings: inout [String]) -> NetworkConfigurationList? {
        do {
            return try read(file)
        } catch {
            warnings.append("passed over \(error.message)" + (error.details.map { ": \($0)" } ?? ""))
            return nil
        }
    }

    /// Any error names the file and the line.
    private static func read(_ file: String) throws(CNIError) -> NetworkConfigurationList {
        let object = try object(in: file)
        do {
            return try object["plugins"] == nil && object["type"] != nil
                ? NetworkConfigurationList(lonePlugin: object) : NetworkConfigurationList(object)
        } catch {
            throw error.about(file, line: line(of: error, in: file))
        }
    }

    private static func object(in file: String) throws(CNIError) -> JSONObject {
        let json: JSON
        do {
            json = try JSON(parsing: try bytes(of: file))
        } catch let error as JSONError {
            throw CNIError(.decoding, "\(file), line \(error.line), column \(error.column): \(error.message)")
        } catch let error as KernelError {
            throw CNIError(error)
        } catch {
            throw CNIError(.internal, "\(file): \(error)")
        }
        guard let object = json.object else {
            throw CNIError(.decoding, "\(file), line 1: the file holds \(json.kind), not an object")
        }
        return object
    }

    private static func bytes(of file: String) throws(KernelError) -> [UInt8] { try Files.read(file) }

    /// Where the key stands that an error sentence begins with; the first line when it cannot be told.
    private static func line(of error: CNIError, in file: String) -> Int {
        let parts = error.message.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let key = parts[1].split(whereSeparator: { $0 == "." || $0 == "[" }).last else {
            return 1
        }
        let wanted = Array("\"\(key)\"".utf8)
        let text: [UInt8]
        do { text = try bytes(of: file) } catch { return 1 }
        var line = 1
        for start in text.indices {
            if text[start...].starts(with: wanted) { return line }
            if text[start] == UInt8(ascii: "\n") { line += 1 }
        }
        return 1
    }
}

extension CNIError {
    /// The same error, its sentence opened by a file's name.
    func about(_ file: String, line: Int? = nil) -> CNIError {
        var error = self
        error.message = file + (line.map { ", line \($0)" } ?? "") + ": " + message
        return error
    }
}
