#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import JSON
    import NetCore

    struct CopyCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cp", abstract: "Copies files between a container and this machine.",
            discussion: """
                One side is CONTAINER:PATH, the other a path, or - for a tar archive on a standard stream. PATH/. is what a \
                directory holds, without itself.
                """)
        @Flag(name: [.short, .long], help: "Owners are kept.")
        var archive = false
        @Flag(name: [.customShort("L"), .customLong("follow-link")], help: "A link that is named is followed.")
        var followLink = false
        @Flag(name: [.short, .long], help: "No progress.")
        var quiet = false
        @Argument(help: "From there.")
        var source: String
        @Argument(help: "To there.")
        var destination: String

        func run() throws {
            let daemon = try Daemon.chosen()
            switch (try CopyPath(source), try CopyPath(destination)) {
            case (.container(let name, let path), .stream): try fetch(daemon, name, path, to: nil)
            case (.container(let name, let path), .local(let local)): try fetch(daemon, name, path, to: local)
            case (.stream, .container(let name, let path)): try send(daemon, nil, to: name, path)
            case (.local(let local), .container(let name, let path)): try send(daemon, local, to: name, path)
            case (.container, .container):
                throw ClientError(
                    "both sides are containers", fix: "copy by way of this machine: berth cp A:/x - | berth cp - B:/")
            default: throw ClientError("no side is a container", fix: "write one as CONTAINER:/path")
            }
        }

        private struct Found {
            let isDirectory: Bool
            let isLink: Bool
            let link: String

            /// Docker's header: JSON in base 64, a mode as Go has it.
            init(_ header: String?) {
                let value = header.flatMap { Base64.bytes($0) }.flatMap { try? JSON(parsing: $0) }
                let mode = value?["mode"]?.integer ?? 0
                isDirectory = mode & 1 << 31 != 0
                isLink = mode & 1 << 27 != 0
                link = value?["linkTarget"]?.string ?? ""
            }
        }

        /// Nil: nothing is there.
        private func look(_ daemon: Daemon, _ container: String, _ path: String) throws(ClientError) -> Found? {
            do throws(ClientError) {
                let response = try daemon.request(
                    "HEAD", "/containers/\(container.pathEncoded)/archive", [("path", path)])
                return Found(response.headers["x-docker-container-path-stat"])
            } catch  where error.status == 404 {
                // A HEAD has no words: whether it is the container that is not there, is asked.
                _ = try daemon.json("GET", "/containers/\(container.pathEncoded)/json")
                return nil
            }
        }

        private func fetch(_ daemon: Daemon, _ container: String, _ path: String, to local: String?) throws(ClientError)
        {
            var path = path
            if followLink, let found = try look(daemon, container, path), found.isLink, !found.link.isEmpty {
                path = found.link.hasPrefix("/") ? found.link : CopyPath.parent(of: path) + "/" + found.link
            }
            if local == nil, Terminal.isTerminal(STDOUT_FILENO) {
                throw ClientError("an archive is nothing for a terminal", fix: "name a path, or a pipe: | tar x")
            }
            let response: Response
            do throws(ClientError) {
                response = try daemon.request("GET", "/containers/\(container.pathEncoded)/archive", [("path", path)])
            } catch  where error.status == 404 && !error.message.hasPrefix("No such container") {
                throw ClientError(
                    "there is no \(path) in \(container)", by: error.by,
                    fix: "see what there is: berth exec \(container) ls", status: 404)
            }
            guard let local else {
                while case let bytes = try response.read(), !bytes.isEmpty { try Output.write(bytes) }
                return
            }
            let found = Found(response.headers["x-docker-container-path-stat"])
            let place = try CopyPath.place(
                source: path, isDirectory: found.isDirectory, onto: local, over: Self.target(local))
            var tree = try UnpackedTree(
                into: place.directory, as: place.name == "/" ? nil : place.name, keepsOwner: archive)
            var progress = Progress("copying", total: nil)
            let isQuiet = quiet
            try tree.unpack { () throws(ClientError) in
                let bytes = try response.read()
                if !isQuiet { progress.advance(bytes.count) }
                return bytes
            }
            progress.end()
        }

        private static func target(_ path: String) -> CopyPath.Target {
            var found = stat()
            guard stat(path, &found) == 0 else { return .nothing }
            return found.st_mode & S_IFMT == S_IFDIR ? .directory : .file
        }

        private func send(_ daemon: Daemon, _ local: String?, to container: String, _ path: String) throws(ClientError)
        {
            var path = path
            var found = try look(daemon, container, path)
            if let link = found, link.isLink, !link.link.isEmpty {
                path = link.link.hasPrefix("/") ? link.link : CopyPath.parent(of: path) + "/" + link.link
                found = try look(daemon, container, path)
            }
            let next: () throws(ClientError) -> [UInt8]
            let directory: String
            if let local {
                var state = stat()
                guard (followLink || CopyPath.saysDirectory(local) ? stat(local, &state) : lstat(local, &state)) == 0
                else {
                    throw ClientError(
                        KernelError("read \(local)", .current), fix: "name a file or directory that is there")
                }
                let isDirectory = state.st_mode & S_IFMT == S_IFDIR
                let target = found.map { $0.isDirectory ? CopyPath.Target.directory : .file } ?? .nothing
                // A relative path or `..` has a name only when it is resolved.
                let named =
                    ["..", "."].contains(CopyPath.base(of: local)) && !CopyPath.isContent(local)
                    ? Self.resolved(local) : local
                let place = try CopyPath.place(source: named, isDirectory: isDirectory, onto: path, over: target)
                directory = place.directory
                let tree = PackedTree(
                    local, as: place.name == "/" ? nil : place.name,
                    followsLink: followLink || CopyPath.saysDirectory(local))
                var progress = Progress("copying", total: nil)
                let isQuiet = quiet
                next = { () throws(ClientError) in
                    let bytes = try tree.next()
                    if bytes.isEmpty { progress.end() } else if !isQuiet { progress.advance(bytes.count) }
                    return bytes
                }
            } else {
                guard let found, found.isDirectory else {
                    throw ClientError(
                        "\(path) of \(container) is no directory", fix: "an archive goes into a directory that is there"
                    )
                }
                directory = path
                let source = try UploadSource(nil, what: "copying", isQuiet: quiet)
                next = source.next
            }
            do throws(ClientError) {
                _ = try daemon.request(
                    "PUT", "/containers/\(container.pathEncoded)/archive",
                    [("path", directory), ("noOverwriteDirNonDir", "true")] + (archive ? [("copyUIDGID", "true")] : []),
                    .stream(type: "application/x-tar", next: next))
            } catch  where error.status == 404 && !error.message.hasPrefix("No such container") {
                throw ClientError(
                    "there is no directory \(directory) in \(container)", by: error.by,
                    fix: "make it first: berth exec \(container) mkdir -p \(directory)", status: 404)
            }
        }

        private static func resolved(_ path: String) -> String {
            guard let text = realpath(path, nil) else { return path }
            defer { free(text) }
            return String(cString: text)
        }
    }
#endif
