#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import Inspect
    import NetCore
    import Trace

    struct CaptureCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "capture",
            abstract: "The packets on a node's devices, a line each or as a pcapng file.",
            discussion: """
                berth capture web                             every packet of the node web, on all its devices
                berth capture host tcp port 8080 --for 10     those of a port, for ten seconds
                berth capture host -w host.pcapng not arp     for Wireshark; -w - writes to a pipe

                FILTER: \(PacketFilter.words).

                A packet is seen before netfilter on its way in and after it on its way out.
                """)

        @Argument(help: "A node of the lab's, a container, netns:PATH, pid:NUMBER, or host.")
        var node: String
        @Argument(help: "Which packets; all unless given.")
        var filter: [String] = []
        @Option(
            name: [.customShort("w"), .customLong("write")],
            help: ArgumentHelp("Write pcapng there; - is standard output.", valueName: "file"))
        var file: String?
        @Option(help: ArgumentHelp("On this device only.", valueName: "name"))
        var device: String?
        @OptionGroup var bounds: WatchBounds

        func validate() throws { _ = try wanted() }

        private func wanted() throws -> PacketFilter {
            do throws(PacketFilter.Fault) {
                return try PacketFilter(parsing: filter)
            } catch { throw ValidationError(error.description) }
        }

        func run() throws {
            let wanted = try wanted()
            // Before the process is anywhere else.
            let output = try opened()
            let node = try NodeName.resolve(node)
            let capture = try ConntrackCommand.asked("capture in \(node.name)") { () throws(TraceError) in
                try FrameCapture(node, device: device)
            }
            var clock = WatchClock(bounds)
            var taken = 0
            var writer = output.map { _ in CaptureWriter(capture) }
            if let bytes = writer?.take() { try Output.write(bytes, to: output ?? STDOUT_FILENO) }
            while clock.wait([capture.descriptor]) {
                let frames = try ConntrackCommand.asked("capture in \(node.name)") { () throws(TraceError) in
                    try capture.frames()
                }
                for frame in frames where wanted.matches(frame) {
                    guard clock.count() else { break }
                    taken += 1
                    writer?.add(frame)
                    if writer == nil { try Output.line(CaptureCommand.line(frame, capture)) }
                }
                if let bytes = writer?.take() { try Output.write(bytes, to: output ?? STDOUT_FILENO) }
            }
            let losses = capture.losses
            if let bytes = writer?.end(losses) { try Output.write(bytes, to: output ?? STDOUT_FILENO) }
            let lost = losses == 0 ? "none lost" : "\(losses) lost: the kernel had no room for them"
            StandardError.write("\(node.name): \(taken) \(taken == 1 ? "packet" : "packets"), \(lost)\n")
        }

        private static func line(_ frame: Frame, _ capture: FrameCapture) -> String {
            "\(WatchClock.timeOfDay(frame.time)) \(capture.name(of: frame.device)) "
                + "\(frame.isOutgoing ? "out" : "in ") \(frame.words)"
        }

        /// Nil when packets are to be printed.
        private func opened() throws -> Int32? {
            guard let file else { return nil }
            if file == "-" {
                guard isatty(STDOUT_FILENO) == 0 else {
                    throw InspectError(
                        .file, "will not write pcapng to a terminal",
                        fix: "name a file (-w host.pcapng), or lead it elsewhere: berth capture … -w - | tcpdump -r -")
                }
                return STDOUT_FILENO
            }
            let number = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            guard number >= 0 else {
                throw InspectError(
                    .file, "cannot write \(file)", cause: Errno.current.description,
                    fix: "name a file that you may write")
            }
            return number
        }
    }

    /// A capture as pcapng: an interface block a device, when its first packet comes.
    private struct CaptureWriter {
        private let capture: FrameCapture
        private var writer: PcapngWriter
        private var interfaces: [Key: (number: UInt32, received: UInt64)] = [:]

        private struct Key: Hashable {
            let device: Int32
            let linkType: PcapngWriter.LinkType
        }

        init(_ capture: FrameCapture) {
            self.capture = capture
            writer = PcapngWriter(application: "berth capture", comment: "node \(capture.node.name)")
        }

        mutating func add(_ frame: Frame) {
            let key = Key(device: frame.device, linkType: frame.linkType)
            var place =
                interfaces[key]
                ?? (
                    writer.addInterface(
                        capture.name(of: frame.device), description: "node \(capture.node.name)",
                        linkType: frame.linkType),
                    0
                )
            place.received += 1
            interfaces[key] = place
            writer.addPacket(
                frame.bytes, interface: place.number, time: frame.time, length: frame.length,
                direction: frame.direction, reception: frame.reception)
        }

        mutating func take() -> [UInt8] { writer.take() }

        /// The last bytes. Losses are the node's: no device of it has more part in them than another.
        mutating func end(_ losses: Int) -> [UInt8] {
            let comment = losses == 0 ? nil : "\(losses) packets of the node were lost: the kernel had no room for them"
            for place in interfaces.values.sorted(by: { $0.number < $1.number }) {
                writer.addStatistics(
                    interface: place.number, time: WatchClock.now, received: place.received,
                    dropped: losses == 0 ? 0 : nil, comment: comment)
            }
            return writer.take()
        }
    }
#endif
