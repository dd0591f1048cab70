import Glibc
import JSON
import NetCore

/// The whole life of one plugin process (SPEC section 2): validates, checks versions and namespaces, runs, answers once.
public enum PluginProcess {
    /// berth's own version.
    public static let programVersion = "0.1.0"
    /// Bytes of standard input that are read (P-21).
    public static let inputLimit = 8 << 20

    /// Runs `plugin` once and returns the exit code: 0, or 1 with an error object on standard output (P-13, P-14).
    public static func run(_ plugin: any Plugin, environment: Environment) -> Int32 {
        run(plugin, environment: environment, streams: Streams(input: 0, output: 1, errors: 2))
    }

    /// The three descriptors of a process; tests bring their own.
    struct Streams {
        let input: Int32
        let output: Int32
        let errors: Int32
    }

    static func run(_ plugin: any Plugin, environment: Environment, streams: Streams) -> Int32 {
        guard environment.nonEmpty("CNI_COMMAND") != nil else {
            let versions = plugin.supportedVersions.map(\.rawValue).joined(by: ", ")
            say(
                "CNI plugin \(plugin.name) v\(programVersion)\nCNI protocol versions supported: \(versions)",
                on: streams.errors)
            return 0
        }
        signal(SIGPIPE, SIG_IGN)
        let interruption = Interruption()
        var version: SpecVersion?
        do throws(CNIError) {
            let input = try readInput(streams.input, isOptional: environment["CNI_COMMAND"] == Command.version.rawValue)
            let request = try Request(environment: environment, standardInput: input)
            version = request.configuration.version
            let told = try OperationLog.around(plugin.name, request) { () throws(CNIError) in
                try answer(plugin, request, interruption)
            }
            guard let answer = told else { return 0 }
            do throws(KernelError) {
                try Files.write(answer.bytes + [0x0a], to: streams.output, operation: "write the result")
            } catch {
                // Nobody knows of the attachment: it must not stay.
                throw rolledBack(plugin, request, CNIError(error))
            }
            return 0
        } catch {
            let json = error.json(version: error.version ?? version ?? .latest)
            do throws(KernelError) {
                try Files.write(json.bytes + [0x0a], to: streams.output, operation: "write the error")
            } catch {
                say("\(json.text)\n\(error)", on: streams.errors)
            }
            return 1
        }
    }

    /// What is to be printed; nil for operations that print nothing.
    private static func answer(
        _ plugin: any Plugin, _ request: Request, _ interruption: borrowing Interruption
    ) throws(CNIError) -> JSON? {
        if request.command == .version { return versions(plugin, request.configuration) }
        let version = request.configuration.version
        guard plugin.supportedVersions.contains(version) else {
            throw SpecVersion.incompatible(version.rawValue, supported: plugin.supportedVersions)
        }
        if request.command.hasAttachment { try requireForeignNamespace(request) }
        switch request.command {
        case .add:
            let result = try plugin.add(request)
            if interruption.isPending {
                throw rolledBack(
                    plugin, request, CNIError(.internal, "interrupted", details: "a signal asked the plugin to end"))
            }
            do throws(CNIError) {
                return try result.json(version: version)
            } catch {
                throw rolledBack(plugin, request, error)
            }
        case .check: try plugin.check(request)
        case .del: try plugin.del(request)
        case .gc: try plugin.gc(request)
        case .status: try plugin.status(request)
        case .version: break
        }
        return nil
    }

    /// `{cniVersion, supportedVersions}`: the version that was asked with, the newest without one (P-60).
    private static func versions(_ plugin: any Plugin, _ configuration: NetworkConfiguration) -> JSON {
        let asked = configuration.json["cniVersion"]?.string.flatMap { SpecVersion.isVersion($0) ? $0 : nil }
        return [
            "cniVersion": .string(asked ?? SpecVersion.latest.rawValue),
            "supportedVersions": .array(plugin.supportedVersions.map { .string($0.rawValue) }),
        ]
    }

    /// Code 8 when CNI_NETNS is the plugin's own namespace, unless CNI_NETNS_OVERRIDE says that this is meant (P-9).
    /// A path that cannot be looked at passes: DEL must work without a namespace, and ADD will say what is wrong with it.
    private static func requireForeignNamespace(_ request: Request) throws(CNIError) {
        guard let netns = request.netns else { return }
        let override = request.environment["CNI_NETNS_OVERRIDE"]?.lowercased()
        if override == "1" || override == "true" { return }
        // It is not opened, which may block.
        guard let own = NetworkNamespace.Identity.own(), let other = NetworkNamespace.Identity(path: netns) else {
            return
        }
        guard own != other else {
            throw CNIError(
                .invalidNamespace, "plugin's netns and netns from CNI_NETNS should not be the same",
                details: "CNI_NETNS is \"\(netns)\"; CNI_NETNS_OVERRIDE=1 allows it")
        }
    }

    /// The error of an ADD that had succeeded and whose work is undone; 105 when that fails (P-34).
    private static func rolledBack(_ plugin: any Plugin, _ request: Request, _ error: CNIError) -> CNIError {
        guard request.command == .add else { return error }
        do throws(CNIError) {
            try plugin.del(request.replacing(.del))
            return error
        } catch let failure {
            let message = "\(error.message); undoing it failed: \(failure.message)"
            return CNIError(.rollbackIncomplete, message, details: failure.details)
        }
    }

    private static func say(_ text: String, on descriptor: Int32) {
        do throws(KernelError) {
            try Files.write(Array("\(text)\n".utf8), to: descriptor, operation: "write")
        } catch {
            // There is nowhere left to say it.
        }
    }
}
