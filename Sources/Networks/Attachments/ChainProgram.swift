import CNI
import Glibc
import JSON
import NetCore

/// What a child is given of this process's environment.
enum Inherited {
    static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// What concerns the plugins: berth's own variables, and where programs are.
    static var variables: [String] {
        let own = ["PATH", "XTABLES_LOCKFILE", "DBUS_SYSTEM_BUS_ADDRESS", "NOTIFY_SOCKET"]
        let replaced = ["BERTH_CNI_CACHE_DIR", "BERTH_CNI_OWNER", "BERTH_CNI_CALLER"]
        return Environment.process.variables.filter { name, _ in
            (name.hasPrefix("BERTH_") && !replaced.contains(name)) || own.contains(name)
        }.map { "\($0)=\($1)" }
    }
}

/// Programs of ours that are executed.
enum OwnProgram {
    /// Beside the plugins, in the bin directory beside theirs, beside the running program, or where `make install` puts it.
    static func find(_ name: String, _ pluginPath: [String]) throws(NetworkError) -> String {
        var places: [String] = []
        if let first = pluginPath.first { places += [first, "\(first)/../bin"] }
        if let own = realpath("/proc/self/exe", nil) {
            places.append(Files.directory(of: String(cString: own)))
            free(own)
        }
        places += ["/usr/local/libexec/berth", "/usr/libexec/berth", "/usr/local/bin", "/usr/bin"]
        for place in places where access("\(place)/\(name)", X_OK) == 0 { return "\(place)/\(name)" }
        throw NetworkError(
            500,
            "\(name) is not installed: it is none of \(places.map { "\($0)/\(name)" }.joined(by: ", ")): make install")
    }
}

/// What a plugin or a chain refused.
struct ChainRefusal: Error, Sendable {
    let code: Int
    let message: String
    let details: String?

    /// The plugin's sentence; of libcni's frame around it only what a person needs.
    var sentence: String {
        let parts = message.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1)
        let isFramed = message.hasPrefix("plugin type=") && parts.count == 2
        let core = isFramed ? String(Substring(parts[1].drop { $0 == 0x20 })) : message
        // What to do about a port is the caller's business, not that of a list's author.
        if code == CNIErrorCode.portConflict.rawValue { return core + ": choose another host port, or free that one" }
        return core + (details.map { " (\($0))" } ?? "")
    }

    /// The same, a container told by its name where the sentence has its id.
    func naming(_ held: [HeldAttachment]) -> ChainRefusal {
        guard let entry = held.first(where: { !$0.containerName.isEmpty && message.holds($0.containerID) }) else {
            return self
        }
        var text = Array(message.utf8)
        let id = Array(entry.containerID.utf8)
        guard let start = text.indices.first(where: { text[$0...].starts(with: id) }) else { return self }
        let name = "container \(entry.containerName) (\(entry.containerID.prefix(12)))"
        text.replaceSubrange(start..<(start + id.count), with: Array(name.utf8))
        return ChainRefusal(code: code, message: String(decoding: text, as: UTF8.self), details: details)
    }

    func error(_ what: String) -> NetworkError {
        let status =
            switch CNIErrorCode(rawValue: code) {
            case .portConflict, .addressInUse, .poolExhausted: 409
            default: 500
            }
        return NetworkError(status, "\(what): \(sentence)")
    }
}

/// One run of `berth-cni`, or of one plugin, for an attachment.
struct ChainProgram: Sendable {
    let store: NetworkStore
    let containerID: String
    let interface: String
    let namespace: String
    var capabilities: JSONObject = [:]

    var environment: [String] {
        var list = Inherited.variables
        list += [
            "CNI_PATH=\(store.pluginPath.joined(by: ":"))", "CNI_CONTAINERID=\(containerID)", "CNI_IFNAME=\(interface)",
            "BERTH_CNI_CACHE_DIR=\(store.files.cache)", "BERTH_CNI_OWNER=berth",
            "BERTH_CNI_CALLER=\(getpid())",
        ]
        return list
    }

    /// The list's ADD; the result. Throws the first plugin's refusal.
    func add(_ network: StoredNetwork) throws(ChainRefusal) -> JSON {
        let output = try run("add", network)
        do throws(JSONError) {
            return try JSON(parsing: output)
        } catch {
            throw ChainRefusal(code: 999, message: "berth-cni answered what is no JSON: \(error)", details: nil)
        }
    }

    /// The list's DEL. A list that is gone is remembered by berth-cni.
    func del(_ network: StoredNetwork) throws(ChainRefusal) { _ = try run("del", network) }

    private func run(_ verb: String, _ network: StoredNetwork) throws(ChainRefusal) -> [UInt8] {
        let program: String
        do throws(NetworkError) {
            program = try OwnProgram.find("berth-cni", store.pluginPath)
        } catch {
            throw ChainRefusal(code: 999, message: error.description, details: nil)
        }
        let directory = network.kind == .foreign ? store.administrated : store.files.directory
        let isThere = !network.file.isEmpty && Files.exists(network.file)
        // A lone plugin's file is found by its network's name; of a list that is here the path saves the search.
        let named = isThere && network.file.hasSuffix(".conflist") ? network.file : network.name
        var variables = environment + ["NETCONFPATH=\(directory)"]
        if !capabilities.isEmpty { variables.append("CAP_ARGS=\(JSON.object(capabilities).text)") }
        return try ChainProgram.execute(program, [verb, named, namespace], variables, [])
    }

    /// One plugin alone, with the configuration that a runtime would give it.
    func call(_ plugin: String, _ command: String, _ configuration: JSONObject) throws(ChainRefusal) {
        guard let place = store.pluginPath.first(where: { access("\($0)/\(plugin)", X_OK) == 0 }) else {
            throw ChainRefusal(
                code: 999, message: "plugin \(plugin) is in none of \(store.pluginPath.joined(by: ", "))", details: nil)
        }
        _ = try ChainProgram.execute(
            "\(place)/\(plugin)", [], environment + ["CNI_COMMAND=\(command)", "CNI_NETNS=\(namespace)"],
            JSON.object(configuration).bytes)
    }

    private static func execute(
        _ program: String, _ arguments: [String], _ environment: [String], _ input: [UInt8]
    ) throws(ChainRefusal) -> [UInt8] {
        // Not interruptible: signals are the daemon's business, and a change of the network is not cut in the middle.
        let child = ChildProcess(
            path: program, arguments: arguments, environment: environment, input: input, seconds: 120)
        let outcome: ChildProcess.Outcome
        do throws(KernelError) {
            outcome = try child.run()
        } catch {
            throw ChainRefusal(code: 999, message: "\(error)", details: nil)
        }
        if outcome.exitStatus == 0 { return outcome.output }
        if let json = parsed(outcome.output), let message = json["msg"]?.string {
            let details = json["details"]?.string.flatMap { $0.isEmpty ? nil : $0 }
            throw ChainRefusal(code: Int(json["code"]?.integer ?? 999), message: message, details: details)
        }
        let end =
            outcome.timedOut
            ? "did not end within two minutes"
            : outcome.signal.map { "was ended by signal \($0)" } ?? "ended with \(outcome.exitStatus ?? -1)"
        let said = String(decoding: outcome.errors, as: UTF8.self).split(separator: "\n").last.map(String.init)
        throw ChainRefusal(code: 999, message: "\(program) \(end)\(said.map { ": \($0)" } ?? "")", details: nil)
    }

    private static func parsed(_ bytes: [UInt8]) -> JSON? {
        do throws(JSONError) { return try JSON(parsing: bytes) } catch { return nil }
    }
}
