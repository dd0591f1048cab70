import JSON
import NetCore

/// One call of a plugin: environment and standard input, validated before anything is touched (SPEC section 2; P-1 to P-10).
public struct Request: Sendable {
    public let command: Command
    /// "" for GC, STATUS and VERSION.
    public let containerID: String
    /// CNI_NETNS exactly as it came; nil when it is empty or unset.
    public let netns: String?
    public let interface: LinkName?
    public let arguments: CNIArguments
    /// CNI_PATH's directories, empty ones left out.
    public let path: [String]
    public let configuration: NetworkConfiguration
    public let environment: Environment
    private let input: [UInt8]?
    private let key: Attachment?

    /// What a delegate is given on its standard input (P-61): the bytes as they came, or the configuration's text.
    public var standardInput: [UInt8] { input ?? JSON.object(configuration.json).bytes }

    /// Throws code 4 for the environment, 6, 1 and 7 for the input (P-2, P-5 to P-8, P-10 to P-12, P-58); the error's
    /// version is the configuration's wherever that can be told.
    public init(environment: Environment, standardInput: [UInt8]) throws(CNIError) {
        let command: Command
        do throws(CNIError) {
            command = try Request.command(environment)
            if command.hasAttachment {
                let attachment = try Request.attachment(environment, command)
                (containerID, interface, arguments) = attachment
                netns = environment.nonEmpty("CNI_NETNS")
            } else {
                (containerID, interface, arguments, netns) = ("", nil, CNIArguments(), nil)
            }
        } catch {
            throw Request.marked(error, standardInput)
        }
        self.command = command
        self.environment = environment
        path = Request.directories(environment["CNI_PATH"] ?? "")
        input = standardInput
        configuration =
            command == .version
            ? try NetworkConfiguration(probing: standardInput)
            : try NetworkConfiguration(decoding: standardInput, for: command)
        key = Request.key(configuration, containerID, interface)
        try Request.requireAllowed(command, configuration)
    }

    /// A call in process, of values that are known to be good.
    public init(
        command: Command, containerID: String = "", netns: String? = nil, interface: LinkName? = nil,
        arguments: CNIArguments = CNIArguments(), path: [String] = [], configuration: NetworkConfiguration,
        environment: Environment
    ) {
        self.command = command
        self.containerID = containerID
        self.netns = netns.flatMap { $0.isEmpty ? nil : $0 }
        self.interface = interface
        self.arguments = arguments
        self.path = path
        self.configuration = configuration
        self.environment = environment
        input = nil
        key = Request.key(configuration, containerID, self.interface)
    }

    private static func key(_ configuration: NetworkConfiguration, _ containerID: String, _ interface: LinkName?)
        -> Attachment?
    {
        interface.map { Attachment(network: configuration.name, containerID: containerID, interface: $0) }
    }

    /// The same call as another operation: the DEL that undoes an ADD.
    public func replacing(_ command: Command) -> Request {
        Request(
            command: command, containerID: containerID, netns: netns, interface: interface, arguments: arguments,
            path: path, configuration: configuration, environment: environment)
    }

    /// The key of what is attached; traps for GC, STATUS and VERSION, which have none.
    public var attachment: Attachment {
        guard let key else { preconditionFailure("\(command) has no attachment") }
        return key
    }

    /// Throws code 1 when the configuration's version is too old for the operation (P-12), 7 for a GC without a list (P-58).
    public static func requireAllowed(_ command: Command, _ configuration: NetworkConfiguration) throws(CNIError) {
        var error: CNIError?
        if configuration.version < command.since {
            error = CNIError(
                .incompatibleVersion, "config version does not allow \(command)",
                details: "config is \"\(configuration.version)\", \(command) is of \"\(command.since)\"")
        } else if command == .gc, configuration.validAttachments == nil {
            error = CNIError(
                .invalidConfiguration, "\"cni.dev/valid-attachments\" is missing: GC does not guess what may go",
                details: "an empty array lets everything of the network go")
        }
        if var error {
            error.version = configuration.version
            throw error
        }
    }

    private static func command(_ environment: Environment) throws(CNIError) -> Command {
        guard let text = environment.nonEmpty("CNI_COMMAND") else {
            throw CNIError(.invalidEnvironment, "required env variables [CNI_COMMAND] missing")
        }
        guard let command = Command(rawValue: text) else {
            throw CNIError(
                .invalidEnvironment, "unknown CNI_COMMAND: \(text)",
                details: "known are \(Command.allCases.map(\.rawValue).joined(by: ", "))")
        }
        let missing = command.requiredVariables.filter { environment.nonEmpty($0) == nil }
        guard missing.isEmpty else {
            throw CNIError(
                .invalidEnvironment, "required env variables [\(missing.joined(by: ","))] missing",
                details: "\(command) needs \(command.requiredVariables.joined(by: ", "))")
        }
        return command
    }

    private static func attachment(_ environment: Environment, _ command: Command) throws(CNIError) -> (
        String, LinkName?, CNIArguments
    ) {
        let containerID = environment["CNI_CONTAINERID"] ?? ""
        guard Names.isValid(containerID) else {
            throw CNIError(.invalidEnvironment, "CNI_CONTAINERID \"\(containerID)\" \(Names.rule)")
        }
        let interface = environment["CNI_IFNAME"] ?? ""
        if let fault = LinkName.fault(in: interface) {
            throw CNIError(.invalidEnvironment, "CNI_IFNAME \"\(interface)\" \(fault)")
        }
        let arguments: CNIArguments
        do throws(CNIError) {
            arguments = try CNIArguments(environment["CNI_ARGS"] ?? "")
        } catch {
            // DEL needs none: what ADD would have refused must not keep anything from being taken down (P-51).
            guard command == .del else { throw error }
            arguments = CNIArguments()
        }
        return (containerID, LinkName(interface), arguments)
    }

    static func directories(_ path: String) -> [String] {
        var directories: [String] = []
        var rest = path[...]
        while let colon = rest.utf8.firstIndex(of: UInt8(ascii: ":")) {
            if colon != rest.startIndex { directories.append(String(rest[..<colon])) }
            rest = rest[rest.utf8.index(after: colon)...]
        }
        if !rest.isEmpty { directories.append(String(rest)) }
        return directories
    }

    /// The error with the version of a configuration that was not looked at yet (P-15).
    private static func marked(_ error: CNIError, _ input: [UInt8]) -> CNIError {
        var error = error
        do throws(CNIError) {
            error.version = try NetworkConfiguration(probing: input).version
        } catch {
            // What is wrong with the input is told once the environment is right.
        }
        return error
    }
}
