import Glibc
public import JSON
public import NetCore

/// How one plugin is run by another or by a runtime (cni.md P-61, R-11, R-14, R-17): in this process when the file
/// found is this very program, or when none is found and the type is built in; else executed.
public struct PluginCaller: Sendable {
    let builtIn: @Sendable (String) -> (any Plugin)?
    /// The directories of CNI_PATH, in order.
    public let path: [String]
    /// The caller's own variables; plugins get all of them, the CNI ones replaced.
    public let environment: Environment
    /// This program's file; tests put another in its place.
    var executable = FileIdentity.thisProgram
    /// Seconds between two tries of a file that is still being written (ETXTBSY), and between SIGTERM and SIGKILL.
    var busySeconds: UInt32 = 1
    var graceSeconds = 5

    /// `builtIn` gives the plugin of a type that this program holds, nil for any other.
    public init(builtIn: @escaping @Sendable (String) -> (any Plugin)?, path: [String], environment: Environment) {
        self.builtIn = builtIn
        self.path = path
        self.environment = environment
    }

    /// The same caller with one more variable for its plugins.
    func setting(_ name: String, to value: String) -> PluginCaller {
        var variables = environment.variables
        variables[name] = value
        var copy = PluginCaller(builtIn: builtIn, path: path, environment: Environment(variables))
        copy.executable = executable
        copy.busySeconds = busySeconds
        copy.graceSeconds = graceSeconds
        return copy
    }

    /// Runs a plugin; the result is there for ADD alone. Throws the plugin's own error with its code; 7 for a type that
    /// is no file name, 5 when the plugin is not found or cannot be executed, 6 when its answer cannot be read, 11 past
    /// the time limit. VERSION is asked by `supportedVersions(of:)`.
    public func call(
        _ type: String, _ command: Command, containerID: String, netns: String?, interface: LinkName?,
        arguments: CNIArguments, configuration: JSONObject, previousResult: CNIResult? = nil
    ) throws(CNIError) -> CNIResult? {
        guard let location = try locate(type) else { throw notFound(type) }
        switch location {
        case .builtIn(let plugin, _):
            var whole = try NetworkConfiguration(configuration, for: command)
            if let previousResult { whole.previousResult = try previousResult.seen(in: whole.version) }
            let request = Request(
                command: command, containerID: containerID, netns: netns, interface: interface, arguments: arguments,
                path: path, configuration: whole, environment: environment)
            return try plugin.answer(request)
        case .file(let file):
            var variables = [
                "CNI_COMMAND": command.rawValue, "CNI_PATH": path.joined(by: ":"),
            ]
            if command.hasAttachment {
                variables["CNI_CONTAINERID"] = containerID
                variables["CNI_NETNS"] = netns ?? ""
                variables["CNI_IFNAME"] = interface?.description ?? ""
                variables["CNI_ARGS"] = arguments.text
            }
            var configuration = configuration
            if let previousResult {
                let version = configuration["cniVersion"]?.string.flatMap(SpecVersion.init(rawValue:)) ?? .v0_1_0
                configuration["prevResult"] = try previousResult.json(version: version)
            }
            let input = JSON.object(configuration).bytes
            let outcome = try execute(file, variables, input: input, for: "\(command.rawValue) of plugin \"\(type)\"")
            let answer = PluginAnswer(type: type, command: command, outcome: outcome)
            guard command == .add else {
                try answer.requireSuccess()
                return nil
            }
            return try answer.result(version: configuration["cniVersion"]?.string)
        }
    }

    /// The protocol versions a plugin says it speaks, as it writes them (cni.md R-16). A plugin from before VERSION
    /// speaks 0.1.0. Throws as `call` does.
    public func supportedVersions(of type: String, asking version: SpecVersion = .latest) throws(CNIError) -> [String] {
        guard let location = try locate(type) else { throw notFound(type) }
        switch location {
        case .builtIn(let plugin, _):
            return plugin.supportedVersions.map(\.rawValue)
        case .file(let file):
            // Plugins built on old libraries demand all variables even for VERSION: they get a word they do not use.
            let variables = [
                "CNI_COMMAND": Command.version.rawValue, "CNI_PATH": path.joined(by: ":"),
                "CNI_NETNS": "dummy", "CNI_IFNAME": "dummy", "CNI_CONTAINERID": "dummy",
            ]
            let input = JSON.object(["cniVersion": .string(version.rawValue)]).bytes
            let outcome = try execute(file, variables, input: input, for: "VERSION of plugin \"\(type)\"")
            return try PluginAnswer(type: type, command: .version, outcome: outcome).versions()
        }
    }

    /// The variables that a call may carry: those of an outer call never reach an inner one.
    private static let perCall = [
        "CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH",
    ]

    private func execute(
        _ file: String, _ variables: [String: String], input: [UInt8], for operation: String
    ) throws(CNIError) -> ChildProcess.Outcome {
        var complete = environment.variables
        for name in PluginCaller.perCall { complete[name] = nil }
        complete.merge(variables) { _, new in new }
        var child = ChildProcess(
            path: file, arguments: [], environment: complete.map { "\($0.key)=\($0.value)" }, input: input,
            seconds: try timeLimit(), graceSeconds: graceSeconds)
        child.isInterruptible = true
        var tries = 5
        while true {
            do {
                let outcome = try child.run()
                if outcome.timedOut {
                    throw CNIError(
                        .tryAgainLater,
                        "\(operation) did not end within \(child.seconds) seconds and was stopped: \(file)",
                        details: "BERTH_PLUGIN_TIMEOUT sets the limit in seconds" + outcome.lastWords)
                }
                if outcome.interrupted { throw PendingSignal.error }
                return outcome
            } catch let error as KernelError where error.errno == Errno(ETXTBSY) && tries > 0 {
                tries -= 1
                sleep(busySeconds)
            } catch let error as KernelError {
                throw CNIError(
                    .inputOutput, "\(operation): \(error)",
                    details: "the file must be executable and made for this machine: \(file)")
            } catch let error as CNIError {
                throw error
            } catch {
                throw CNIError(.internal, "\(operation): \(error)")
            }
        }
    }

    /// BERTH_PLUGIN_TIMEOUT in seconds, 60 without it. Throws code 4 when it is no such number.
    private func timeLimit() throws(CNIError) -> Int {
        guard let text = environment["BERTH_PLUGIN_TIMEOUT"], !text.isEmpty else { return 60 }
        guard let seconds = Int(text), (1...86400).contains(seconds) else {
            throw CNIError(
                .invalidEnvironment, "BERTH_PLUGIN_TIMEOUT: \"\(text)\" is not a number of seconds from 1 to 86400")
        }
        return seconds
    }
}

extension Plugin {
    /// One operation in this process: what a process of its own would have refused, this refuses too (cni.md P-11,
    /// P-12).
    fileprivate func answer(_ request: Request) throws(CNIError) -> CNIResult? {
        guard supportedVersions.contains(request.configuration.version) else {
            throw SpecVersion.incompatible(request.configuration.version.rawValue, supported: supportedVersions)
        }
        try Request.requireAllowed(request.command, request.configuration)
        return try OperationLog.around(name, request) { () throws(CNIError) in try perform(request) }
    }

    private func perform(_ request: Request) throws(CNIError) -> CNIResult? {
        switch request.command {
        case .add: return try add(request)
        case .check: try check(request)
        case .del: try del(request)
        case .gc: try gc(request)
        case .status: try status(request)
        case .version: break
        }
        return nil
    }
}
