#if Daemon
    import ArgumentParser
    import Explain
    import Glibc
    import Inspect
    import Lab
    import NetCore
    import Trace

    struct ExplainCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "explain",
            abstract: "Why can, or cannot, one reach another? Said of what stands; no packet is sent.",
            discussion: """
                berth explain web → 203.0.113.10:443
                berth explain 203.0.113.99 → :8080               a stranger's packet, as it comes in
                berth explain client → web:80/udp

                Each kernel on the way is asked for its route, its rules are evaluated (nftables, iptables), and the \
                answer's way as well. What cannot be judged is said, with what would change.

                Exit codes: 0 reached and answered, 10 dropped, 11 reached and not answered, 12 refused, \
                13 it leaves what can be seen from here, 125 it could not be explained.
                """)

        @Argument(
            help: "NODE → TARGET: an address or node, :PORT, /udp or /icmp; \"to\" or nothing instead of the arrow.")
        var words: [String]

        @Flag(help: "Who gets through to TARGET: every node here, and strangers by each device that leads out.")
        var whoCanReach = false

        @Flag(help: "Write JSON (docs/explain.md).")
        var json = false

        @Flag(help: "Which address TARGET takes for the sender's.")
        var source = false

        @Flag(help: "Send a packet, too (berth trace), and say whether the kernel agrees.")
        var prove = false

        @Option(help: ArgumentHelp("The sender's own port, of a flow that has begun.", valueName: "port"))
        var fromPort: UInt16?

        @Option(help: ArgumentHelp("How large the packet is, with its headers; it may not be cut.", valueName: "bytes"))
        var size = 0

        private struct Wish {
            var source: String?
            var target: String
        }

        private func wish() throws -> Wish {
            let parts = words.filter { !["→", "->", "to", "from"].contains($0) }
            guard parts.count == (whoCanReach ? 1 : 2) else {
                throw ValidationError(
                    whoCanReach
                        ? "expected: --who-can-reach TARGET" : "expected: NODE → TARGET, as web → 203.0.113.10:443")
            }
            return whoCanReach ? Wish(target: parts[0]) : Wish(source: parts[0], target: parts[1])
        }

        func validate() throws {
            _ = try wish()
            if json, whoCanReach || prove { throw ValidationError("--json: of one explanation alone") }
            if whoCanReach, prove { throw ValidationError("--prove and --who-can-reach: expected one of them") }
        }

        func run() throws {
            do {
                let asked = try wish()
                let place = try Place(asked.source)
                let target = try Target(asked.target, place)
                if whoCanReach { return try everybody(place, target) }
                var question = try place.question(target, fromPort: fromPort)
                question.size = size
                let explanation = try Explainer.explain(question, in: place.surroundings)
                print(json ? explanation.json.prettyText + "\n" : ReachView(explanation).text, terminator: "")
                if source, !json { print(ExplainCommand.seen(explanation, target.words)) }
                if prove { try proved(question, explanation, place) }
                throw ExitCode(explanation.exitCode)
            } catch let error as KernelError {
                StandardError.write(
                    "berth: \(error)\(error.errno == .notPermitted || error.errno == .accessDenied ? " (it needs CAP_NET_ADMIN over the namespaces: run it as root)" : "")\n"
                )
            } catch let error as TraceError {
                StandardError.write("berth: \(error)\n")
            } catch let error as InspectError {
                StandardError.write(error.description)
            } catch let error as LabError {
                StandardError.write(error.description)
            }
            Glibc.exit(125)
        }

        /// Whom the receiver sees, and why.
        private static func seen(_ explanation: ReachAnswer, _ target: String) -> String {
            if let proxy = explanation.proxy, let source = proxy.source {
                let change = proxy.program == "docker-proxy" ? "dockerd --userland-proxy=false" : "publish it by a rule"
                return """
                    \(proxy.target) sees \(source): \(target) is served by \(proxy.program) (pid \(proxy.pid)), which opens a second connection
                      to see the sender itself: \(change); of a hairpin, and of IPv6 to a container without it, it is the gateway's address even then
                    Learn: berth lab start 10
                    """
            }
            guard let source = explanation.seenSource else { return "\(target) sees nothing of it" }
            return "\(target) sees \(source)\(explanation.rewriter.map { ": \($0)" } ?? "")"
        }

        private func everybody(_ place: Place, _ target: Target) throws {
            var reached = 0
            var passed: [String] = []
            let own = place.nodes.first { $0.name == place.own }
            let holder = target.node ?? Explainer.owner(of: target.address, in: place.surroundings, near: own)
            for node in place.nodes where node != holder {
                let explanation = try Explainer.explain(
                    ReachQuestion(source: node.name, address: target.address, port: target.port, isUDP: target.isUDP),
                    in: place.surroundings)
                if explanation.verdict == .reached { reached += 1 }
                if let gate = explanation.passedGate { passed.append(gate) }
                print(ReachView(explanation).line)
            }
            if let own {
                for way in try Explainer.waysOut(of: own, in: place.surroundings)
                where way.address.family == target.address.family {
                    let explanation = try Explainer.explain(
                        ReachQuestion(
                            source: own.name, address: target.address, port: target.port, isUDP: target.isUDP,
                            stranger: way.address),
                        in: place.surroundings)
                    if explanation.verdict == .reached { reached += 1 }
                    if let gate = explanation.passedGate { passed.append(gate) }
                    print("\(ReachView(explanation).line)  (anybody behind \(way.device))")
                }
            }
            print("\(reached) get through to \(target.words)")
            // The gate that its owner believes in.
            if reached > 0, let gate = passed.first {
                print(
                    """
                    ⚠ \(gate)
                    Fix (keep it local): publish it at 127.0.0.1 alone (berth run -p 127.0.0.1:PORT:PORT), or refuse it in forward
                    Learn: berth lab start 11
                    """)
            }
        }

        private func proved(_ question: ReachQuestion, _ explanation: ReachAnswer, _ place: Place) throws {
            guard question.stranger == nil else {
                print("Not proved: no node here has \(question.stranger!), so nobody can send from there")
                return
            }
            let probe = Probe(
                source: question.source, address: question.address, port: question.port ?? 0,
                kind: question.port == nil ? .icmp : question.isUDP ? .udp : .tcp)
            let journey = try Tracer.trace(probe, nodes: place.nodes, TraceOptions()).journey
            let seen = journey.exitCode == 13 ? Int32(10) : journey.exitCode
            if seen == explanation.exitCode {
                print("Proved: a packet went the same way (berth trace ended with \(journey.exitCode))")
            } else {
                print(
                    "Not so: berth trace ended with \(journey.exitCode). One of both is wrong; please report it with both:"
                )
                print(PathView(journey).text, terminator: "")
            }
        }
    }

    extension Surroundings {
        /// Every namespace of the machine that can be seen; `first` have their names already.
        fileprivate convenience init(ofHost first: [NodeReference]) throws(KernelError) {
            let all = HostNodes.identified(first)
            try self.init(all.map(\.node), inodes: all.map(\.inode))
        }
    }

    /// The namespaces around the question.
    private struct Place {
        let surroundings: Surroundings
        var source: String?
        var stranger: IPAddress?
        /// Where strangers come in.
        var own: String
        var nodes: [NodeReference] { surroundings.references }

        init(_ name: String?) throws {
            let (world, containers) = (try World.running(), TraceSend.containers())
            if let name, let address = IPAddress(name) {
                guard !address.isLoopback else {
                    throw ValidationError(
                        "\(name) is each namespace's own, and no stranger's: ask from a node, as berth explain here to TARGET"
                    )
                }
                // Somebody's own, or nobody's here.
                let own = world.flatMap { world in world.references.first { $0.name == "host" } }
                let host = try own ?? HostNodes.named("host")
                let all = try world == nil ? Surroundings(ofHost: containers) : nil
                if let world { try world.enter() }
                surroundings = try all ?? Surroundings(world!.references)
                let owner = Explainer.owner(of: address, in: surroundings, near: host)
                (source, stranger, self.own) = (owner?.name ?? host.name, owner == nil ? address : nil, host.name)
                return
            }
            let isOwn = name == "here" && !Files.exists("/run/netns/here")
            let node = try isOwn ? HostNodes.named("here") : NodeName.resolve(name ?? "host")
            let isWorlds = world?.references.contains(node) ?? false
            surroundings =
                try isWorlds ? Surroundings(world!.references) : Surroundings(ofHost: [node] + containers)
            (source, own) = (
                node.name, surroundings.references.first { ["host", "here"].contains($0.name) }?.name ?? node.name
            )
        }

        func question(_ target: Target, fromPort: UInt16?) throws -> ReachQuestion {
            ReachQuestion(
                source: source ?? own, address: target.address, port: target.port, isUDP: target.isUDP,
                sourcePort: fromPort,
                stranger: stranger)
        }
    }

    /// "203.0.113.10:443", "web:80", ":8080", "web/icmp", "10.88.0.2:53/udp".
    private struct Target {
        var address: IPAddress
        var port: UInt16?
        var isUDP = false
        var node: NodeReference?
        var words: String

        init(_ text: String, _ place: Place) throws {
            words = text
            let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            let wrong = ValidationError(
                "\(text): expected ADDRESS:PORT, NODE:PORT or :PORT, with /udp or /icmp behind it")
            guard parts.count <= 2, ["tcp", "udp", "icmp"].contains(parts.count == 2 ? parts[1] : "tcp") else {
                throw wrong
            }
            let isICMP = parts.count == 2 && parts[1] == "icmp"
            isUDP = parts.count == 2 && parts[1] == "udp"
            var host = parts[0]
            if !isICMP {
                guard let colon = host.lastIndex(of: ":"), let number = UInt16(host[host.index(after: colon)...]),
                    number > 0
                else { throw wrong }
                port = number
                host = String(host[..<colon])
            }
            if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
            if let address = IPAddress(host) {
                self.address = address
                return
            }
            let name = host.isEmpty ? place.own : host
            guard let found = place.nodes.first(where: { $0.name == name }) else {
                throw TraceError.noSuchNode(name, known: place.nodes.map(\.name).filter { !$0.hasPrefix("pid:") })
            }
            let source = place.nodes.first { $0.name == place.source } ?? found
            guard
                let address = try Explainer.address(
                    of: found, facing: source, stranger: place.stranger, in: place.surroundings)
            else {
                throw TraceError.badProbe("\(name) has no address that others could ask")
            }
            (self.address, node) = (address, found)
        }
    }
#endif
