/* SPDX-License-Identifier: MIT */
/*
 * Search over all documents, light and dark, links to rules. Works from
 * file:// because the index is a script (search-index.js).
 */
(function () {
	'use strict';

	var root = document.body.dataset.root || '';
	var box = document.getElementById('search');
	var found = document.getElementById('found');
	var LIMIT = 40;

	/* Letters of all languages, and what names and numbers are made of. */
	function words(text) {
		return text.toLowerCase().split(/[^\p{L}\p{N}_$.-]+/u)
			.filter(Boolean);
	}

	/* Every word must occur; titles and rule ids weigh more. */
	function score(entry, terms) {
		var title = entry.t.toLowerCase();
		var text = entry.x.toLowerCase();
		var sum = 0;
		for (var i = 0; i < terms.length; i++) {
			var inTitle = title.indexOf(terms[i]) >= 0;
			var inText = text.indexOf(terms[i]) >= 0;
			if (!inTitle && !inText) {
				return 0;
			}
			sum += (inTitle ? 5 : 0) + (inText ? 1 : 0);
			if (title === terms[i]) {
				sum += 20;
			}
		}
		return sum;
	}

	function escape(text) {
		return text.replace(/[&<>"]/g, function (c) {
			return {'&': '&amp;', '<': '&lt;', '>': '&gt;',
				'"': '&quot;'}[c];
		});
	}

	function marked(text, terms) {
		var pattern = terms.map(function (term) {
			return term.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
		}).join('|');
		var pieces = text.split(new RegExp('(' + pattern + ')', 'ig'));
		return pieces.map(function (piece, i) {
			piece = escape(piece);
			return i % 2 ? '<mark>' + piece + '</mark>' : piece;
		}).join('');
	}

	/* A piece of the text around the first hit. */
	function excerpt(text, terms) {
		var at = text.toLowerCase().indexOf(terms[0]);
		var from = Math.max(0, at - 60);
		return (from ? '… ' : '') + text.slice(from, from + 190);
	}

	function line(entry, terms) {
		return '<a href="' + root + entry.p + '">' +
			'<span class="title">' + marked(entry.t, terms) +
			'</span> <span class="where">' + escape(entry.k) +
			'</span><br>' +
			marked(excerpt(entry.x, terms), terms) + '</a>';
	}

	function show() {
		var terms = words(box.value);
		if (!terms.length || !window.SEARCH_INDEX) {
			found.hidden = true;
			return;
		}
		var hits = window.SEARCH_INDEX.map(function (entry) {
			return {entry: entry, score: score(entry, terms)};
		}).filter(function (hit) {
			return hit.score > 0;
		}).sort(function (a, b) {
			return b.score - a.score;
		});
		found.innerHTML = hits.slice(0, LIMIT).map(function (hit) {
			return line(hit.entry, terms);
		}).join('') ||
			'<p class="none">Nothing found.</p>';
		if (hits.length > LIMIT) {
			found.innerHTML += '<p class="none">More: ' +
				(hits.length - LIMIT) + '; add a word.</p>';
		}
		found.hidden = false;
	}

	function choose(step) {
		var links = found.querySelectorAll('a');
		var now = found.querySelector('a.chosen');
		var i = Array.prototype.indexOf.call(links, now) + step;
		if (now) {
			now.classList.remove('chosen');
		}
		if (links[i]) {
			links[i].classList.add('chosen');
			links[i].scrollIntoView({block: 'nearest'});
		}
	}

	function keys(event) {
		if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
			choose(event.key === 'ArrowDown' ? 1 : -1);
			event.preventDefault();
		} else if (event.key === 'Enter') {
			var link = found.querySelector('a.chosen') ||
				found.querySelector('a');
			if (link) {
				location.href = link.href;
				found.hidden = true;
			}
			event.preventDefault();
		} else if (event.key === 'Escape') {
			found.hidden = true;
			box.blur();
		}
	}

	function remember(theme) {
		document.documentElement.dataset.theme = theme;
		try {
			localStorage.setItem('smb3x-theme', theme);
		} catch (error) {
			/* private windows have no storage */
		}
	}

	function firstTheme() {
		var kept = null;
		try {
			kept = localStorage.getItem('smb3x-theme');
		} catch (error) {
			/* private windows have no storage */
		}
		var dark = window.matchMedia('(prefers-color-scheme: dark)');
		return kept || (dark.matches ? 'dark' : 'light');
	}

	/* Pages get other names when chapters come and go; the first page does
	   not, and knows where each rule stands. */
	function lead() {
		var id = location.hash.slice(1);
		var all = window.SEARCH_INDEX || [];
		var places = all.filter(function (entry) {
			return id && entry.k === 'rule' && entry.t === id;
		});
		if (places.length && !document.getElementById(id)) {
			location.replace(root + places[0].p);
		}
	}

	function copyLink(event) {
		var id = event.target.dataset.rule;
		if (!id) {
			return;
		}
		var link = new URL(root + 'index.html#' + id,
			location.href).href;
		history.replaceState(null, '', '#' + id);
		if (navigator.clipboard) {
			navigator.clipboard.writeText(link);
		}
		event.target.textContent = 'copied';
		setTimeout(function () {
			event.target.textContent = 'copy link';
		}, 1500);
	}

	document.documentElement.dataset.theme = firstTheme();
	document.getElementById('theme').addEventListener('click', function () {
		remember(document.documentElement.dataset.theme === 'dark'
			? 'light' : 'dark');
	});
	document.addEventListener('click', copyLink);
	box.addEventListener('input', show);
	box.addEventListener('focus', show);
	box.addEventListener('keydown', keys);
	document.addEventListener('click', function (event) {
		if (!event.target.closest('.search')) {
			found.hidden = true;
		}
	});
	document.addEventListener('keydown', function (event) {
		if (event.key === '/' && !/INPUT|TEXTAREA/.test(
			document.activeElement.tagName)) {
			box.focus();
			event.preventDefault();
		}
	});
	window.addEventListener('hashchange', lead);
	lead();
	var wanted = new URLSearchParams(location.search).get('q');
	if (wanted) {
		box.value = wanted;
		show();
	}
	var here = document.querySelector('.contents [aria-current]');
	if (here) {
		here.scrollIntoView({block: 'nearest'});
	}
}());
