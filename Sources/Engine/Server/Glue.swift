#if Daemon
    import NIOCore
    import NIOPosix

    /// Two channels' bytes go from each to the other, no faster than the other takes them; each end of writing is passed on.
    final class Glue: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private var other: Glue?
        private var context: ChannelHandlerContext?
        private var wantsRead = false
        private var isInputClosed = false
        private var isInputEndPassed = false
        private var isOutputClosed = false
        /// What came before there was another side: one read, or all that a peer said that has closed already.
        private var early: [ByteBuffer] = []

        /// `isInputClosed`: the peer had said all before this was there to hear it.
        init(isInputClosed: Bool = false) { self.isInputClosed = isInputClosed }

        /// The channel, which has a Glue, and the socket `number` are one stream until both have ended. The socket is taken over,
        /// whatever happens. Not on the channel's event loop, for it is waited for.
        static func join(_ channel: any Channel, _ number: Int32) throws {
            let loop = channel.eventLoop
            try loop.flatSubmit { () -> EventLoopFuture<Void> in
                // Held here, not looked up: a process that ended at once has closed its socket before this comes back,
                // and what it said waits in the handler of a channel that has none any more.
                let glue = NIOLoopBound(Glue(), eventLoop: loop)
                return ClientBootstrap(group: loop)
                    .channelOption(.allowRemoteHalfClosure, value: true)
                    .channelOption(.autoRead, value: false)
                    .channelInitializer { peer in
                        loop.makeCompletedFuture { try peer.pipeline.syncOperations.addHandler(glue.value) }
                    }
                    .withConnectedSocket(number)
                    .flatMapThrowing { peer in
                        do {
                            join(try channel.pipeline.syncOperations.handler(type: Glue.self), glue.value)
                        } catch {
                            // The client has gone.
                            peer.close(promise: nil)
                            throw error
                        }
                    }
            }.wait()
        }

        /// From here on they are one stream. On the event loop of both.
        static func join(_ one: Glue, _ two: Glue) {
            one.other = two
            two.other = one
            // First what both have said: when both have ended already, the first end passed on closes one of them.
            one.catchUp()
            two.catchUp()
            one.begin()
            two.begin()
        }

        private func catchUp() {
            for buffer in early { other?.send(buffer) }
            early = []
            other?.context?.flush()
        }

        private func begin() {
            if isInputClosed { passEnd() }
            if context == nil || context?.channel.isActive == false { other?.endAfterWrites() }
            context?.channel.setOption(.autoRead, value: true).whenFailure { _ in }
            context?.read()
        }

        private func send(_ buffer: ByteBuffer) { context?.write(wrapOutboundOut(buffer), promise: nil) }
        private func closeAll() { context?.close(promise: nil) }

        /// The other side's reader is told the end.
        private func passEnd() {
            guard let other, !isInputEndPassed else { return }
            isInputEndPassed = true
            guard let context = other.context else { return }
            context.flush()
            // A write after the flush, so that the end comes after what is still on its way.
            let bound = NIOLoopBound(other, eventLoop: context.eventLoop)
            let done = context.eventLoop.makePromise(of: Void.self)
            done.futureResult.whenComplete { _ in bound.value.closeOutput() }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: done)
        }

        /// Everything has been written.
        private func closeOutput() {
            guard let context else { return }
            isOutputClosed = true
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            let done = context.eventLoop.makePromise(of: Void.self)
            done.futureResult.whenComplete { result in
                // What cannot be half closed is closed.
                if case .failure = result { bound.value.closeAll() }
                bound.value.closeIfDone()
            }
            context.close(mode: .output, promise: done)
        }

        private func closeIfDone() {
            if isInputClosed && isOutputClosed { closeAll() }
        }

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }
        func handlerRemoved(context: ChannelHandlerContext) {
            self.context = nil
            other = nil
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            guard let other else { return early.append(buffer) }
            other.send(buffer)
        }
        func channelReadComplete(context: ChannelHandlerContext) { other?.context?.flush() }

        func read(context: ChannelHandlerContext) {
            if let other = other?.context, other.channel.isWritable { context.read() } else { wantsRead = true }
        }
        func channelWritabilityChanged(context: ChannelHandlerContext) {
            guard context.channel.isWritable, let other, other.wantsRead else { return }
            other.wantsRead = false
            other.context?.read()
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case .inputClosed = event as? ChannelEvent else { return }
            isInputClosed = true
            passEnd()
            closeIfDone()
        }
        func channelInactive(context: ChannelHandlerContext) {
            isInputClosed = true
            // A socket that is gone altogether: nobody reads what the other would still say, but its reader gets what came.
            passEnd()
            if let other, other.isInputClosed { other.closeIfDone() } else { other?.endAfterWrites() }
        }
        private func endAfterWrites() {
            guard let context else { return }
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            let done = context.eventLoop.makePromise(of: Void.self)
            done.futureResult.whenComplete { _ in bound.value.closeAll() }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: done)
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
#endif
