import Glibc
import NetCore

/// `berth-oci`: the command line of runc, on our own containers.
public struct OCICommand {
    let root: String
    let log: Said.Log?

    /// Runs one command; the exit code.
    public static func run(arguments: [String]) -> Int32 {
        var log: Said.Log?
        do throws(OCIError) {
            let options = try Options(
                arguments, valued: ["root", "log", "log-format", "rootless", "criu"],
                plain: ["debug", "systemd-cgroup", "version,v", "help,h"], verb: "berth-oci")
            log = options.value("log").map { Said.Log(path: $0, isJSON: options.value("log-format") == "json") }
            if options.has("version") {
                Said.out(
                    "berth-oci version \(OCICommand.version)\ncommit: \(OCICommand.version)\nspec: \(BundleSpec.newest)"
                )
                return 0
            }
            guard let verb = options.words.first, verb != "help", !options.has("help") else {
                Said.out(OCICommand.help)
                return 0
            }
            let format = options.value("log-format") ?? "text"
            guard format == "text" || format == "json" else {
                throw OCIError("--log-format \(format): take text or json")
            }
            if options.has("systemd-cgroup") { Said.warn("--systemd-cgroup: control groups are made by cgroupfs") }
            let command = OCICommand(root: options.value("root") ?? "/run/berth/oci", log: log)
            return try command.run(verb, Array(options.words.dropFirst()))
        } catch {
            Said.fail(error, log)
            return error.code
        }
    }

    static let version = "0.1.0"

    private static let help = """
        berth-oci runs OCI bundles, with runc's commands.

        usage: berth-oci [--root DIRECTORY] [--log FILE] [--log-format text|json] COMMAND …

        create start run exec state list ps kill delete pause resume update spec features
        """

    private func run(_ verb: String, _ arguments: [String]) throws(OCIError) -> Int32 {
        switch verb {
        case "create", "run", "exec":
            // What enters a container must not show it a file of the host that it could write.
            try kernel { () throws(KernelError) in try OwnProgram.protect() }
            if verb == "run" { return try run(arguments) }
            if verb == "exec" { return try exec(arguments) }
            try create(arguments)
        case "start": try start(arguments)
        case "state": try state(arguments)
        case "kill": try kill(arguments)
        case "delete": try delete(arguments)
        case "list": try list(arguments)
        case "ps": try ps(arguments)
        case "spec": try spec(arguments)
        case "update": try update(arguments)
        case "pause": try pause(arguments, true)
        case "resume": try pause(arguments, false)
        case "features": features()
        default: throw OCIError("there is no command \(verb): see berth-oci --help")
        }
        return 0
    }
}
