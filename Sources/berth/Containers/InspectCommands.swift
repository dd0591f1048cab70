#if Daemon
    import ArgumentParser
    import Client
    import JSON

    /// Objects printed whole, or by a template.
    enum Inspection {
        /// Goes on past what is not found, and tells it by exit code 1.
        static func show(
            _ names: [String], _ format: String?, _ find: (String) throws(ClientError) -> JSON
        ) throws {
            let template = try format.flatMap { text throws(ClientError) in text == "json" ? nil : try Template(text) }
            var found: [JSON] = []
            var failures: [ClientError] = []
            for name in names {
                do throws(ClientError) {
                    found.append(try find(name))
                } catch {
                    failures.append(error)
                }
            }
            if let template {
                for object in found { try Output.line(try template.text(object)) }
            } else {
                try Output.line(format == "json" ? JSON.array(found).text : JSON.array(found).indentedText)
            }
            for failure in failures { Output.tell(failure.description) }
            if !failures.isEmpty { throw ExitCode(1) }
        }
    }

    struct InspectCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Tells everything of containers, images, networks or volumes.")
        @Option(name: [.short, .long], help: "json, or a template: '{{.State.Pid}}'.")
        var format: String?
        @Option(name: .long, help: "container, image, network or volume; else the first that has the name.")
        var type: String?
        @Flag(name: [.short, .long], help: "How much a container wrote, too.")
        var size = false
        @Argument(help: "Names or ids.")
        var name: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            let kinds: [(String, (String) -> String)] = [
                ("container", { "/containers/\($0.pathEncoded)/json" }),
                ("image", { "/images/\($0.pathEncoded)/json" }),
                ("network", { "/networks/\($0.pathEncoded)" }), ("volume", { "/volumes/\($0.pathEncoded)" }),
            ]
            let chosen = kinds.filter { type == nil || $0.0 == type }
            guard !chosen.isEmpty else {
                throw ClientError("--type \(type ?? "") is none", fix: "write container, image, network or volume")
            }
            let query = size ? [("size", "1")] : []
            try Inspection.show(name, format) { name throws(ClientError) in
                for (kind, path) in chosen {
                    do throws(ClientError) {
                        return try daemon.json("GET", path(name), kind == "container" ? query : [])
                    } catch  where error.status == 404 && type == nil {
                        continue
                    }
                }
                throw ClientError(
                    "nothing has the name \(name)", by: "no container, image, network or volume of the daemon's",
                    fix: "see berth ps -a, berth images, berth network ls, berth volume ls", status: 404)
            }
        }
    }

    struct PortCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "port", abstract: "Tells which ports of the host lead to a container.")
        @Argument(help: "The container, by name or id.")
        var container: String
        @Argument(help: "One port of the container, as 80 or 53/udp.")
        var port: String?

        func run() throws {
            let found = try Daemon.chosen().json("GET", "/containers/\(container.pathEncoded)/json")
            let ports = found["NetworkSettings"]?["Ports"]?.object ?? [:]
            let wanted = port.map { $0.contains("/") ? $0 : "\($0)/tcp" }
            var isFound = false
            let keys = ports.keys.sorted { one, other in
                (Int(one.prefix { $0 != "/" }) ?? 0, one) < (Int(other.prefix { $0 != "/" }) ?? 0, other)
            }
            for key in keys where wanted == nil || wanted == key {
                for binding in ports[key]?.array ?? [] {
                    isFound = true
                    let ip = binding["HostIp"]?.string ?? ""
                    let place = "\(ip.contains(":") ? "[\(ip)]" : ip):\(binding["HostPort"]?.string ?? "")"
                    try Output.line(wanted == nil ? "\(key) -> \(place)" : place)
                }
            }
            if let wanted, !isFound {
                throw ClientError(
                    "no port of the host leads to \(wanted) of \(container)",
                    fix: "publish it: berth publish add \(container) 8080:\(wanted)")
            }
        }
    }

    struct DiffCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "diff", abstract: "Tells which files a container changed (C), added (A) and deleted (D).")
        @Argument(help: "The container, by name or id.")
        var container: String

        func run() throws {
            let found = try Daemon.chosen().json("GET", "/containers/\(container.pathEncoded)/changes")
            for change in found.array ?? [] {
                let kind = change["Kind"]?.integer ?? 0
                try Output.line("\(kind == 0 ? "C" : kind == 1 ? "A" : "D") \(change["Path"]?.string?.visible ?? "")")
            }
        }
    }
#endif
