# SPDX-License-Identifier: MIT
# The frame around a piece of a document: head, bar, contents, neighbours.
require 'cgi'

# One HTML page.
class Page
  def initialize(book, books, root, position = nil)
    @book = book
    @books = books
    @root = root
    @position = position
  end

  def write(path, body)
    File.write(path, frame(title, contents, body + neighbours))
  end

  def title
    chunk = @position && @book.chunks[@position]
    chunk ? "#{chunk_name(chunk)} · #{@book.title}" : @book.title
  end

  def chunk_name(chunk)
    [chunk.number, chunk.title].compact.join(' ')
  end

  # The list of chapters; on the single page it leads to anchors.
  def contents
    items = @book.chunks.each_with_index.map { |chunk, i|
      here = i == @position
      link = @position ? chunk.file : "##{chunk.ids.first}"
      %(<li class="depth-#{chunk.depth}"><a href="#{link}") +
        (here ? ' aria-current="page"' : '') +
        %(>#{number(chunk)}#{chunk.title}</a></li>)
    }
    other = if @position
              %(<a href="../#{@book.name}.html">All on one page</a>)
            else
              %(<a href="#{@book.name}/#{@book.chunks.first.file}">) +
                'One page per chapter</a>'
            end
    <<~HTML
      <nav class="contents" aria-label="Contents">
      <p class="book">#{@book.title}</p>
      <ol>#{items.join("\n")}</ol>
      <p class="other-form">#{other} · <a
       href="#{@root}#{@book.name}.pdf">PDF</a></p>
      </nav>
    HTML
  end

  def number(chunk)
    chunk.number ? %(<span class="number">#{chunk.number}</span> ) : ''
  end

  def neighbours
    return '' unless @position
    links = []
    if @position.positive?
      before = @book.chunks[@position - 1]
      links << %(<a rel="prev" href="#{before.file}">← ) +
               "#{chunk_name(before)}</a>"
    end
    after = @book.chunks[@position + 1]
    links << %(<a rel="next" href="#{after.file}">#{chunk_name(after)} →</a>) \
      if after
    %(<nav class="neighbours" aria-label="Neighbours">#{links.join}</nav>)
  end

  def heading
    return '' if @position
    %(<h1>#{@book.title}</h1>\n)
  end

  def frame(page_title, side, body)
    Page.frame(page_title, @root, side, heading + body, @books)
  end

  def self.frame(page_title, root, side, body, books)
    tabs = books.map { |book|
      %(<a href="#{root}#{book.name}/#{book.chunks.first.file}">) +
        "#{book.tab}</a>"
    }
    <<~HTML
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>#{CGI.escapeHTML(CGI.unescapeHTML(page_title))}</title>
      <link rel="stylesheet" href="#{root}style.css">
      <script src="#{root}search-index.js" defer></script>
      <script src="#{root}search.js" defer></script>
      </head>
      <body data-root="#{root}">
      <a class="skip" href="#main">To the text</a>
      <header class="bar">
      <a class="home" href="#{root}index.html">smb3x</a>
      <nav class="books" aria-label="Documents">#{tabs.join}</nav>
      <form class="search" role="search">
      <input type="search" id="search" placeholder="Search (press /)"
       aria-label="Search all documents" autocomplete="off">
      <div id="found" hidden></div>
      </form>
      <button type="button" id="theme" aria-label="Light or dark">◐</button>
      </header>
      <div class="sheet">
      #{side}
      <main id="main">
      #{body}
      </main>
      </div>
      </body>
      </html>
    HTML
  end

  # The first page of all: what there is.
  def self.start(books)
    cards = books.map { |book|
      about = book.document.attr('description', '')
      <<~HTML
        <article class="card"><h2><a
         href="#{book.name}/#{book.chunks.first.file}">#{book.title}</a></h2>
        <p>#{CGI.escapeHTML(about)}</p>
        <p><a href="#{book.name}/#{book.chunks.first.file}">By chapter</a> ·
        <a href="#{book.name}.html">One page</a> ·
        <a href="#{book.name}.pdf">PDF</a></p></article>
      HTML
    }
    frame('smb3x documents', '', '', <<~HTML, books)
      <h1>smb3x documents</h1>
      <p>Rules of the SMB3 protocol family, each with a name, the layouts of
      its messages, and the tests that check them.</p>
      <div class="cards">#{cards.join}</div>
    HTML
  end
end
