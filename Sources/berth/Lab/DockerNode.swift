#if Daemon
    import Client
    import Glibc
    import Inspect
    import JSON
    import NetCore

    /// A container of Docker's own daemon, as a node. The daemon is asked one question (GET /containers/NAME/json) and told nothing.
    enum DockerNode {
        /// Throws when no Docker answers, or has no such container, or it does not run.
        static func find(_ name: String) throws -> NodeReference {
            let host = getenv("DOCKER_HOST").map { String(cString: $0) } ?? ""
            let place = host.isEmpty ? "unix:///var/run/docker.sock" : host
            guard place.hasPrefix("unix://") else {
                throw InspectError(
                    .name, "docker:\(name) is on another machine", cause: "DOCKER_HOST is \(place)",
                    fix: "run berth there, or unset DOCKER_HOST")
            }
            let found = try asked(name, place)
            let real = found["Name"]?.string.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 } ?? name
            guard let pid = found["State"]?["Pid"]?.integer, pid > 0, pid <= Int64(Int32.max) else {
                throw InspectError(
                    .missing, "Docker's container \(real) does not run",
                    cause: "only a running container has a network",
                    fix: "start it: docker start \(real)")
            }
            guard Files.exists("/proc/\(pid)") else {
                throw InspectError(
                    .missing, "Docker's container \(real) is process \(pid), which is not to be seen from here",
                    cause: "its daemon counts processes in another namespace", fix: "run berth where dockerd runs")
            }
            return NodeReference(name: real, namespace: "/proc/\(pid)/ns/net", pid: Int32(pid))
        }

        private static func asked(_ name: String, _ place: String) throws -> JSON {
            do {
                return try Daemon(try Endpoint(parsing: place)).json("GET", "/containers/\(name.pathEncoded)/json")
            } catch {
                let path = String(place.dropFirst(7))
                let known = Files.exists(path) ? "" : ": there is no \(path)"
                throw InspectError(
                    .missing, "no container docker:\(name)\(known)", cause: error.message,
                    fix: Files.exists(path)
                        ? "see docker ps; of berth's own containers the name alone will do"
                        : "start dockerd, or say where it listens: DOCKER_HOST=unix:///PATH; of berth's own containers the name alone will do"
                )
            }
        }
    }
#endif
