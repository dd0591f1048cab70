import CDigest
import Glibc
import JSON
import NetCore

/// The command line `berth-cni add|check|del|gc|status|validate NETWORK NETNS`: cnitool's arguments and environment
/// (cni.md R-15), and what cnitool lacks.
public enum RuntimeCommand {
    /// Runs one operation; `arguments` do not hold the program's name. 0; 1 with a sentence on standard error and an
    /// error object on standard output; 2 with the help on standard error.
    public static func run(
        arguments: [String], environment: Environment, builtIn: @escaping @Sendable (String) -> (any Plugin)?
    ) -> Int32 {
        let answer = answer(arguments: arguments, environment: environment, builtIn: builtIn) { sentence in
            write("\(sentence)\n", to: STDERR_FILENO)
        }
        write(answer.output, to: STDOUT_FILENO)
        write(answer.errors, to: STDERR_FILENO)
        return answer.exitCode
    }

    /// What goes where at the end; warnings go to `report` as they come.
    struct Answer {
        var exitCode: Int32 = 0
        var output = ""
        var errors = ""
    }

    static func answer(
        arguments: [String], environment: Environment, builtIn: @escaping @Sendable (String) -> (any Plugin)?,
        report: @escaping @Sendable (String) -> Void
    ) -> Answer {
        let invocation: RuntimeInvocation
        do throws(RuntimeInvocation.UsageError) {
            guard let read = try RuntimeInvocation(arguments) else { return Answer(output: RuntimeInvocation.help) }
            invocation = read
        } catch {
            return Answer(exitCode: 2, errors: "berth-cni: \(error.sentence)\n\n\(RuntimeInvocation.help)")
        }
        var version: SpecVersion?
        do throws(CNIError) {
            let caller = PluginCaller(
                builtIn: builtIn, path: Request.directories(environment["CNI_PATH"] ?? ""), environment: environment)
            let runner = ChainRunner(
                caller: caller, owner: environment.nonEmpty("BERTH_CNI_OWNER") ?? "berth-cni",
                report: { report("berth-cni: \($0)") })
            return Answer(output: try perform(invocation, runner, environment, &version))
        } catch {
            let json = error.json(version: error.version ?? version ?? .latest)
            return Answer(
                exitCode: 1, output: json.widePrettyText + "\n",
                errors: "berth-cni \(invocation.operation.rawValue) \(invocation.network): \(error.message)"
                    + (error.details.map { " (\($0))" } ?? "") + "\n")
        }
    }

    private static func perform(
        _ invocation: RuntimeInvocation, _ runner: ChainRunner, _ environment: Environment,
        _ version: inout SpecVersion?
    ) throws(CNIError) -> String {
        let list: NetworkConfigurationList?
        do throws(CNIError) {
            let found = try network(invocation.network, environment)
            found.warnings.forEach(runner.report)
            list = found.list
            version = found.list.version
        } catch  where invocation.operation == .del && Names.isValid(invocation.network) {
            // The list may have been deleted since: the cache has it as it was at ADD.
            let parameters = try parameters(invocation, environment)
            let cached = runner.recall(invocation.network, nil, parameters).list
            guard cached != nil else { throw error }
            (list, version) = (nil, cached?.version)
        }
        guard let list else {
            try runner.del(
                network: invocation.network, nil, try parameters(invocation, environment), force: invocation.force)
            return ""
        }
        switch invocation.operation {
        case .add:
            let parameters = try parameters(invocation, environment)
            try requireNamespace(parameters)
            return try runner.add(list, parameters).json(version: list.version).widePrettyText + "\n"
        case .check: try runner.check(list, try parameters(invocation, environment))
        case .del:
            try runner.del(
                network: list.name, list, try parameters(invocation, environment), force: invocation.force)
        case .gc: try runner.gc(list, valid: invocation.valid, allOwners: invocation.allOwners)
        case .status: try runner.status(list)
        case .validate: return try runner.validate(list).json(list).widePrettyText + "\n"
        }
        return ""
    }

    /// A list by name in NETCONFPATH, or a file's: what has a slash or ends in .conflist is a path.
    private static func network(_ text: String, _ environment: Environment) throws(CNIError)
        -> ConfigurationDirectory.Found
    {
        if text.utf8.contains(UInt8(ascii: "/")) || text.hasSuffix(".conflist") {
            return try ConfigurationDirectory.network(inFile: text)
        }
        return try ConfigurationDirectory(environment.nonEmpty("NETCONFPATH") ?? "/etc/cni/net.d").network(text)
    }

    private static func parameters(
        _ invocation: RuntimeInvocation, _ environment: Environment
    ) throws(CNIError) -> AttachmentParameters {
        let netns = invocation.netns.map(absolute)
        let name = invocation.interface ?? environment.nonEmpty("CNI_IFNAME") ?? "eth0"
        guard let interface = LinkName(name) else {
            throw CNIError(.invalidEnvironment, "CNI_IFNAME \"\(name)\" \(LinkName.fault(in: name) ?? "is no name")")
        }
        guard let containerID = environment.nonEmpty("CNI_CONTAINERID") ?? netns.map(containerID) else {
            throw CNIError(.invalidEnvironment, "without a namespace's path, CNI_CONTAINERID must name the container")
        }
        return try AttachmentParameters(
            containerID: containerID, netns: netns, interface: interface,
            arguments: try CNIArguments(environment["CNI_ARGS"] ?? ""), capabilities: try capabilities(environment))
    }

    private static func capabilities(_ environment: Environment) throws(CNIError) -> JSONObject {
        guard let text = environment.nonEmpty("CAP_ARGS") else { return [:] }
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: Array(text.utf8))
        } catch {
            throw CNIError(.invalidEnvironment, "CAP_ARGS is not JSON: \(error)", details: "it is \(text)")
        }
        guard let object = json.object else {
            throw CNIError(.invalidEnvironment, "CAP_ARGS is \(json.kind), not an object", details: "it is \(text)")
        }
        return object
    }

    /// Code 8 with a remedy: a plugin could only say that the path cannot be opened.
    private static func requireNamespace(_ parameters: AttachmentParameters) throws(CNIError) {
        guard let netns = parameters.netns, !Files.exists(netns) else { return }
        let name = netns.split(separator: "/").last.map(String.init) ?? ""
        let named = "/run/netns/\(name)"
        throw CNIError(
            .invalidNamespace, "there is no network namespace at \"\(netns)\"",
            details: Files.exists(named) ? "\"\(named)\" exists" : "\"ip netns add \(name)\" makes \"\(named)\"")
    }

    /// cnitool's: `cnitool-` and the first 20 hexadecimal digits of the path's SHA-512.
    static func containerID(_ netns: String) -> String {
        let bytes = Array(netns.utf8)
        var context = SHA2_CTX()
        SHA512Init(&context)
        SHA512Update(&context, bytes, bytes.count)
        var digest = [UInt8](repeating: 0, count: Int(SHA512_DIGEST_LENGTH))
        SHA512Final(&digest, &context)
        return "cnitool-" + hex(digest, digits: 20)
    }

    /// The path from the root, without "." and "..", by its text alone: a link is not followed, for the container's id
    /// is made of the path.
    static func absolute(_ path: String) -> String {
        var whole = path
        if !path.hasPrefix("/"), let current = getcwd(nil, 0) {
            whole = "\(String(cString: current))/\(path)"
            free(current)
        }
        var parts: [Substring.UTF8View] = []
        for part in whole.utf8.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.isEmpty ? "/" : parts.reduce(into: "") { $0 += "/\(Substring($1))" }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        guard !text.isEmpty else { return }
        do throws(KernelError) {
            try Files.write(Array(text.utf8), to: descriptor, operation: "write")
        } catch {
            // Nobody listens; the exit code stands.
        }
    }
}

extension JSON {
    /// Four spaces a level, as cnitool prints.
    var widePrettyText: String {
        // A string holds no line feed as such, so spaces at the start of a line are its indentation.
        var wide: [UInt8] = []
        var isStart = true
        for byte in prettyText.utf8 {
            wide.append(byte)
            if isStart, byte == 0x20 { wide.append(byte) } else { isStart = byte == 0x0a }
        }
        return String(decoding: wide, as: UTF8.self)
    }
}

extension ChainValidation {
    /// What `validate` prints.
    func json(_ list: NetworkConfigurationList) -> JSON {
        let plugins = members.map { member in
            var object: JSONObject = ["type": .string(member.type), "builtIn": .bool(member.isBuiltIn)]
            object["file"] = member.file.map { .string($0) }
            object["versions"] = .array(member.versions.map { .string($0) })
            return JSON.object(object)
        }
        return [
            "name": .string(list.name), "cniVersion": .string(list.version.rawValue), "plugins": .array(plugins),
            "capabilities": .array(capabilities.map { .string($0) }),
        ]
    }
}
